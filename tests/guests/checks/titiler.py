"""TiTiler: tiles, and the addresses that it names for them."""

from tests.guests.pages import assert_inside, get

PACKAGE = "titiler-core"


def check_a_raster_is_described(url: str) -> None:
    info = get(f"{url}/info?url=raster.tif").json()
    assert (info["width"], info["dtype"]) == (64, "uint8")


def check_the_tiles_that_are_named_are_there(url: str) -> None:
    named = get(f"{url}/WebMercatorQuad/tilejson.json?url=raster.tif").json()["tiles"]
    assert_inside(url, named)
    tile = get(named[0].format(z=3, x=4, y=4))
    assert tile.headers["content-type"].startswith("image/")


def check_the_viewer_reads_its_own_tiles(url: str) -> None:
    assert (
        f"{url}/WebMercatorQuad/tilejson.json?url=raster.tif"
        in get(f"{url}/WebMercatorQuad/map.html?url=raster.tif").text
    )


def check_links_of_tile_sets_stay_inside(url: str) -> None:
    sets = get(f"{url}/tiles?url=raster.tif").json()["tilesets"]
    assert_inside(url, [link["href"] for each in sets for link in each["links"] if "opengis.net" not in link["href"]])


def check_a_wrong_address_is_explained(url: str) -> None:
    assert "detail" in get(f"{url}/info?url=nothing.tif", 500).json()
