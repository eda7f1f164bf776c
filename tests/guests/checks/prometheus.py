"""prometheus_client: the numbers, in the formats that a scraper asks for."""

import gzip

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.guests.pages import get

PACKAGE = "prometheus-client"


def check_metrics_are_served(url: str) -> None:
    families = {family.name: family for family in text_string_to_metric_families(get(f"{url}/").text)}
    assert families["guests"].samples[0].value == 3


def check_one_number_is_asked_for(url: str) -> None:
    assert "guests_total" in get(f"{url}/?name[]=guests_total").text
    assert "guests_total" not in get(f"{url}/?name[]=others").text


def check_openmetrics_and_gzip_are_spoken(url: str) -> None:
    headers = {"Accept": "application/openmetrics-text; version=1.0.0", "Accept-Encoding": "gzip"}
    with httpx.stream("GET", f"{url}/", headers=headers) as response:
        text = gzip.decompress(b"".join(response.iter_raw())).decode()
    assert response.headers["content-type"].startswith("application/openmetrics-text")
    assert text.endswith("# EOF\n")
