"""The model served by LitServe, with batches of up to 64: `python -m benchmarks.predict_by_litserve PORT`.

Imports nothing from composer, because it runs in the environment of LitServe.
"""

import sys
from typing import Any

import litserve
import numpy as np

from benchmarks.block import Block, load_model, prediction_of

# Seconds that a batch waits for more rows.
WAIT, LARGEST = 0.001, 64


class HousePrice(litserve.LitAPI):  # type: ignore[misc]
    """The service in LitServe."""

    def setup(self, device: object) -> None:
        """Load the model in the process that predicts."""
        self._model = load_model()

    def decode_request(self, request: Block) -> list[float]:
        """Return the features of one block."""
        return list(request.model_dump().values())

    def batch(self, inputs: list[list[float]]) -> "np.ndarray[Any, Any]":
        """Combine the rows into one table."""
        return np.array(inputs)

    def predict(self, x: "np.ndarray[Any, Any]") -> Any:
        """Predict a batch."""
        return self._model.predict(x)

    def unbatch(self, output: Any) -> list[float]:
        """Return one result for each of them."""
        return list(output.tolist())

    def encode_response(self, output: float) -> dict[str, object]:
        """Return the response."""
        return prediction_of(output)


if __name__ == "__main__":
    api = HousePrice(max_batch_size=LARGEST, batch_timeout=WAIT, api_path="/predict")
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(
        host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="warning", num_api_servers=1
    )
