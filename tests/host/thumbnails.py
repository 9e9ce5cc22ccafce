"""Make the workflows' thumbnails anew: each is run in a real host, and a square of it is kept.

    python thumbnails.py [NAME ...]

To be run from a folder named as users have it, which is shown above every node. COMFYUI_PATH,
COMFYUI_PYTHON and CHROMIUM as for comfy_host.py.
"""

from __future__ import annotations

import json
import sys
from io import BytesIO
from pathlib import Path

from comfy_page import Browser
from comfy_run import Host
from PIL import Image

FOLDER = Path(__file__).parents[2] / "workflows"
SQUARES = {  # left, top and side of what is shown, in the graph's pixels
    "video-to-sound": (1540, -60, 1000),
    "generated-frames-to-sound": (-30, -40, 1110),
    "live": (-15, -50, 960),
}
PAGE, CORNER, SIDE = (1500, 1400), (120, 140), 640  # clear of the page's own panels
SETTINGS = {"Comfy.VueNodes.Enabled": False, "Comfy.Minimap.Visible": False}


def main(*names: str) -> None:
    args = ["--disable-api-nodes"]
    with Host([FOLDER.parent], settings=SETTINGS, args=args) as host:
        with Browser(host, PAGE) as page:
            for name in names or SQUARES:
                take(page, name)


def take(page: Browser, name: str) -> None:
    page.load(json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")))
    (outcome,) = page.queue()
    assert outcome["status"] == "success", outcome
    left, top, side = SQUARES[name]
    offset = [CORNER[0] - left, CORNER[1] - top]
    page.eval(
        f"(() => {{ const {{ ds }} = app.canvas; ds.scale = 1; ds.offset = {offset};"
        " app.canvas.deselectAll(); app.canvas.setDirty(true, true) })()"
    )
    page.pause(3)
    whole = Image.open(BytesIO(page.picture())).convert("RGB")
    square = whole.crop((*CORNER, CORNER[0] + side, CORNER[1] + side))
    square.resize((SIDE, SIDE), Image.LANCZOS).save(FOLDER / f"{name}.jpg", quality=88)


if __name__ == "__main__":
    main(*sys.argv[1:])
