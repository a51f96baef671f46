"""The pictures of Icinga Web in README.md and docs/: python -m tests.trials.pictures

Each shows what comes of docs/icinga-web.md, in a real Icinga Web, cropped to what matters.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from tests.helpers.browser import Box, Page
from tests.helpers.debian import binary, environment, get
from tests.helpers.figures import DOCS
from tests.helpers.icingaweb import DOMAINS, IcingaWeb
from tests.helpers.realservers import FOLDER

WIDTH = 1100


def crop(page: Page, first: str, last: str, width: float = WIDTH) -> Box:
    """From the top of one part of the page to the bottom of another, without the menu."""
    left, top, end = page.box("#sidebar").width, page.box(first), page.box(last)
    return Box(left, top.y, min(width, WIDTH - left), end.y + end.height - top.y)


def service(web: IcingaWeb) -> bytes:
    name = f"Reverse DNS of {DOMAINS[1]}"
    query = {"name": name, "host.name": "mail-domains", "graph_range": "40"}
    page = web.page("icingadb/service", query, width=WIDTH, height=1400)
    graphs = "document.querySelectorAll('img.graphiteImg')"
    page.wait_for(f"{graphs}.length && [...{graphs}].every(one => one.complete)")
    return page.picture(crop(page, "#main .controls", ".images"))


def services(web: IcingaWeb) -> bytes:
    page = web.page("icingadb/services", {"service.name": "Reverse DNS of *"}, width=WIDTH)
    page.wait_for(f"document.querySelectorAll('.list-item').length == {len(DOMAINS)}")
    return page.picture(crop(page, ".list-item", ".list-item:last-child"))


def form(web: IcingaWeb) -> bytes:
    page = web.page("director/service/edit", {"name": "mail-reverse-dns"}, width=WIDTH, height=1800)
    ours = "document.querySelectorAll('fieldset[id*=ReverseDNS].collapsed')"
    page.wait_for(f"{ours}.length == 3")
    page.value(f"{ours}.forEach(one => one.querySelector('legend').click())")
    page.wait_for(f"{ours}.length == 0")
    ends = "fieldset[id*=ReverseDNSwhat{}]"
    return page.picture(crop(page, ends.format("is"), ends.format("comes"), 740))


PICTURES = {"service": service, "list": services, "form": form}


def main() -> None:
    get(FOLDER, ["pngquant"])
    with IcingaWeb(FOLDER) as web, tempfile.TemporaryDirectory() as folder:
        web.follow_guide()
        for name, make in PICTURES.items():
            raw = Path(folder) / "raw.png"
            raw.write_bytes(make(web))
            file = DOCS / f"icinga-web-{name}.png"
            command = (binary(FOLDER, "pngquant"), "--force", "--strip", "--speed=1", "128")
            variables = {**os.environ, **environment(FOLDER)}
            subprocess.run([*command, f"--output={file}", raw], env=variables, check=True)
            print(f"{file.name}: {file.stat().st_size} octets", flush=True)


if __name__ == "__main__":
    main()
