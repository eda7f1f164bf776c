"""MLflow, as its own client and a browser see it."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow
from mlflow import MlflowClient
from selenium.webdriver import Chrome

from tests.guests.browser import shown
from tests.guests.pages import assert_assets_load, get

PACKAGE = "mlflow"

# A server that isn't there is not asked for minutes.
os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"


def experiment(client: MlflowClient, name: str) -> str:
    known = client.get_experiment_by_name(name)
    return str(known.experiment_id if known else client.create_experiment(name))


def check_it_is_healthy(url: str) -> None:
    assert get(f"{url}/health").text == "OK"
    assert get(f"{url}/version").text == mlflow.__version__


def check_its_client_logs_a_run(url: str) -> None:
    client = MlflowClient(url)
    number = experiment(client, "runs")
    run = client.create_run(number)
    client.log_metric(run.info.run_id, "error", 0.25)
    client.set_terminated(run.info.run_id)
    assert client.get_run(run.info.run_id).data.metrics == {"error": 0.25}
    assert run.info.run_id in [each.info.run_id for each in client.search_runs([number])]


def check_its_client_stores_and_reads_an_artefact(url: str) -> None:
    client = MlflowClient(url)
    run = client.create_run(experiment(client, "artefacts"))
    with TemporaryDirectory() as folder:
        file = Path(folder) / "note.txt"
        file.write_text("kept")
        client.log_artifact(run.info.run_id, str(file))
        file.unlink()
        assert Path(client.download_artifacts(run.info.run_id, "note.txt", folder)).read_text() == "kept"


def check_its_page_and_assets_load(url: str) -> None:
    assert_assets_load(url, get(f"{url}/"))


def check_a_browser_lists_the_experiments(url: str, browser: Chrome) -> None:
    experiment(MlflowClient(url), "seen by a browser")
    browser.get(f"{url}/#/experiments")
    shown(browser, "seen by a browser")
