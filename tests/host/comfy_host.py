"""Drive a real ComfyUI: load the package, run workflows, take screenshots of the front end.

    comfy_host.py info --node DIR                      import times, nodes, templates
    comfy_host.py run  --node DIR WORKFLOW.json ...    run them; outputs, errors, times
    comfy_host.py shot --node DIR WORKFLOW.json -o F   screenshot of the front end

COMFYUI_PATH names a ComfyUI checkout (the folder with main.py), COMFYUI_PYTHON the interpreter that
has its requirements; this file runs in that too. CHROMIUM names the browser where it is not on the
PATH. All happens on the loopback, in a temporary folder that is removed: neither the checkout nor
the package is written to. Exit: 0 it worked, 1 it failed or was refused, 2 the host did not start.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
import urllib.parse
from pathlib import Path
from typing import Any

from comfy_graph import Workflow, is_workflow, node_types
from comfy_page import Browser, find_chromium
from comfy_run import Host
from comfy_server import HostError


def parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    add = common.add_argument
    add("--node", action="append", default=[], help="a custom-node folder; repeatable")
    add("--input", action="append", default=[], help="a file for the input folder; repeatable")
    add("--arg", action="append", default=[], help="for main.py, as --arg=--cache-none; repeatable")
    add("--frontend", metavar="DIR", help="another front end's static folder")
    add("--setting", action="append", default=[], help="KEY=JSON, a user's setting; repeatable")
    add("--keep", action="store_true", help="keep the temporary folder")
    add("--log", metavar="FILE", help="write the host's log there")
    whole = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = whole.add_subparsers(dest="command", required=True)
    commands.add_parser("info", parents=[common])
    add = commands.add_parser("run", parents=[common]).add_argument
    add("workflow", nargs="+")
    add("--set", action="append", default=[], metavar="ID.INPUT=VALUE")
    add("--convert", choices=("auto", "browser", "python"), default="auto")
    add("--out", metavar="DIR", help="download output files there")
    add("--timeout", type=float, default=600.0)
    add("--repeat", type=int, default=1, help="queue it that often (to see caching)")
    add("--interrupt-after", type=float, metavar="SECONDS")
    add = commands.add_parser("shot", parents=[common]).add_argument
    add("workflow", nargs="?")
    add("-o", "--output", required=True, metavar="PNG")
    add("--size", default="1600x900")
    add("--run", action="store_true", help="queue the workflow first, and wait for it")
    add("--js", action="append", default=[], help="evaluated in the page before the screenshot")
    add("--wait", type=float, default=1.0, help="seconds before the screenshot")
    add("--strict", action="store_true", help="exit 1 on any console error")
    return whole


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    args = [*options.arg, "--disable-api-nodes"]
    if options.frontend:
        args += ["--front-end-root", str(Path(options.frontend).resolve())]
    pairs = (setting.partition("=") for setting in options.setting)
    settings = {key: json.loads(value) for key, _, value in pairs}
    shared = {"args": args, "settings": settings, "keep": options.keep}
    host = None
    try:
        host = Host(options.node, inputs=options.input, probe=options.command == "info", **shared)
        with host:
            command = {"info": info, "run": run, "shot": shot}[options.command]
            code, report = command(host, options)
    except HostError as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        if options.log and host:
            Path(options.log).write_text(host.log() + "\n", encoding="utf-8")
    report["base_directory"] = str(host.base) if options.keep else None
    print(json.dumps(report, indent=2))
    return code


Result = tuple[int, dict[str, Any]]  # exit status, report


def info(host: Host, options: argparse.Namespace) -> Result:
    system, nodes = host.get("/system_stats")["system"], host.own_nodes()
    prefixes = tuple(f"/extensions/{urllib.parse.quote(name)}/" for name in host.nodes)
    templates = host.get("/workflow_templates")
    report = {
        "comfyui": system.get("comfyui_version"),
        "pytorch": system.get("pytorch_version"),
        "boot_seconds": round(host.boot_seconds, 2),
        "import": host.probed(),
        "web_extensions": [e for e in host.get("/extensions") if e.startswith(prefixes)],
        "templates": {name: files for name, files in templates.items() if name in host.nodes},
        "nodes": nodes,
    }
    return 0 if nodes else 1, report


def run(host: Host, options: argparse.Namespace) -> Result:
    how = {"seconds": options.timeout, "interrupt_after": options.interrupt_after}
    results = []
    for workflow in map(read, options.workflow):
        prompt = to_prompt(host, workflow, options.convert)
        apply_settings(prompt, options.set)
        saved = workflow if is_workflow(workflow) else None
        for _ in range(options.repeat):
            results.append(host.run(prompt, workflow=saved, out=options.out, **how))
    report = results[0] if len(results) == 1 else {"runs": results}
    return 0 if all(result["status"] == "success" for result in results) else 1, report


def read(path: str) -> dict:
    return json.loads(Path(path).read_text(encoding="utf-8"))


def to_prompt(host: Host, workflow: dict, how: str) -> dict:
    if not is_workflow(workflow):
        return workflow
    if how == "browser" or (how == "auto" and find_chromium()):
        with Browser(host) as page:
            page.load(workflow, settle=0.5)
            return page.prompt()
    return Workflow(workflow).prompt(host.get("/object_info"))


def apply_settings(prompt: dict, settings: list[str]) -> None:
    for setting in settings:
        target, _, value = setting.partition("=")
        number, _, name = target.partition(".")
        with contextlib.suppress(ValueError):
            value = json.loads(value)
        prompt[number]["inputs"][name] = value


def shot(host: Host, options: argparse.Namespace) -> Result:
    workflow = read(options.workflow) if options.workflow else None
    width, height = map(int, options.size.split("x"))
    unknown = node_types(workflow or {}) - set(host.get("/object_info"))
    report = {"missing_nodes": sorted(unknown), "queued": [], "screenshot": options.output}
    with Browser(host, (width, height)) as page:
        if workflow is not None:
            page.load(workflow)
        if options.run:
            report["queued"] = page.queue()
        report["js"] = [page.eval(js) for js in options.js]
        page.pause(options.wait)
        page.screenshot(options.output)
        report["console_errors"] = page.errors()
    queued = report["queued"]
    failed = options.run and (not queued or any(q["status"] != "success" for q in queued))
    complained = options.strict and report["console_errors"]
    return 1 if unknown or failed or complained else 0, report


if __name__ == "__main__":
    sys.exit(main())
