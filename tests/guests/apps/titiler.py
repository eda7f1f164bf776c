"""TiTiler: tiles of a small raster.

Source: https://developmentseed.org/titiler/user_guide/getting_started/
"""

import numpy
import rasterio
from fastapi import FastAPI
from rasterio.transform import from_bounds
from titiler.core.errors import DEFAULT_STATUS_CODES, add_exception_handlers
from titiler.core.factory import TilerFactory


def create_app() -> FastAPI:
    _write_raster("raster.tif")
    app = FastAPI(title="Tiles")
    app.include_router(TilerFactory(add_ogc_maps=False).router)
    add_exception_handlers(app, DEFAULT_STATUS_CODES)
    return app


def _write_raster(file: str) -> None:
    """Write a square of 64 points around the equator, from 0 to 63 in each row."""
    data = numpy.tile(numpy.arange(64, dtype="uint8"), (64, 1))
    transform = from_bounds(-10, -10, 10, 10, 64, 64)
    profile = {"driver": "GTiff", "width": 64, "height": 64, "count": 1, "dtype": "uint8", "crs": "EPSG:4326"}
    with rasterio.open(file, "w", transform=transform, **profile) as target:
        target.write(data, 1)
