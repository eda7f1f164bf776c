"""The model served by BentoML, with batches of up to 64; see `benchmarks.predict`.

Imports nothing from composer, because it runs in the environment of BentoML.
"""

import bentoml
import numpy as np

from benchmarks.block import Block, load_model, prediction_of

# Milliseconds before a request is rejected; BentoML adapts the time that a batch waits for more rows.
LATENCY, LARGEST = 10_000, 64


@bentoml.service(workers=1, logging={"access": {"enabled": False}})
class HousePrice:
    """The service in BentoML."""

    def __init__(self) -> None:
        """Load the model in the process that predicts."""
        self._model = load_model()

    @bentoml.api(batchable=True, max_batch_size=LARGEST, max_latency_ms=LATENCY, route="/predict")  # type: ignore[untyped-decorator]
    def predict(self, blocks: list[Block]) -> list[dict[str, object]]:
        """Predict a batch."""
        table = np.array([list(block.model_dump().values()) for block in blocks])
        return [prediction_of(target) for target in self._model.predict(table).tolist()]
