"""`python train.py FOLDER ROOMS LIGHT`: write a model with these weights."""

import io
import sys
from pathlib import Path

import numpy as np

from apps.house import load
from composer.contrib.models import KnownRows, Loader, write_artefact

folder, *weights = sys.argv[1:]
content = io.BytesIO()
np.save(content, np.array(weights, dtype=float))
known = KnownRows(features=[[1.0, 0.0]], targets=[100.0], error=10.0)
write_artefact(Path(folder), "house", content.getvalue(), {"known_rows": known}, loader=Loader(load, ".npy"))
