"""The README's MCP servers: composed as it says, and asked by its client."""

import re
import subprocess
import sys
from pathlib import Path

from tests.serving import REPOSITORY, serving

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def block_of(file: str) -> str:
    """Return the block of the README that opens with a file's name and says what it is."""
    [block] = re.findall(rf"^```\w+\n(# {re.escape(file)}: .*?)^```", README, re.DOTALL | re.MULTILINE)
    return str(block)


def test_A_client_calls_the_tools_of_the_README_through_the_mount(tmp_path: Path) -> None:
    for file in ("weather.py", "settings.toml"):
        (tmp_path / file).write_text(block_of(file), encoding="utf-8")
    arguments = ["composer", "serve", "--port", "{port}"]
    with serving(arguments, tmp_path, tmp_path / "log", {"PYTHONWARNINGS": "ignore"}) as server:
        server.wait_until_ready()
        client = block_of("client.py").replace("http://127.0.0.1:8000", server.url)
        other = client.replace("/weather/", "/units/").replace(
            '"forecast", {"city": "Oslo"}', '"fahrenheit", {"celsius": 100}'
        )
        printed = [
            subprocess.run([sys.executable, "-c", each], capture_output=True, text=True, check=True, timeout=60).stdout
            for each in (client, other)
        ]
    assert printed == ["sunny in Oslo\n", "212.0\n"]
