"""Parse servers' arguments with vLLM's own parser; a script for an environment that has vLLM, without any code of ours.

  python infra/deploy/parse_arguments.py < words.json        # a JSON list of argument lists

Writes a line `PARSED` with a JSON list: what each became, null where the parser refuses it. A vLLM whose files only were
unpacked works, too (PYTHONPATH): the platform is said to be CPU where none is found, which parsing does not depend on.
"""

import dataclasses
import importlib
import json
import sys
from typing import Any

PARSERS = (  # where vLLM 0.33, 0.32 and 0.23 have it
    "vllm.entrypoints.common.cli_args",
    "vllm.entrypoints.launchers.cli_args",
    "vllm.entrypoints.openai.cli_args",
)


def main() -> int:
    """Parse what stands on standard input."""
    _as_cpu()
    module = next(found for found in map(_module, PARSERS) if found is not None)
    parser = module.make_arg_parser(
        importlib.import_module("vllm.utils.argparse_utils").FlexibleArgumentParser()
    )
    found = [_parsed(module, parser, words) for words in json.load(sys.stdin)]
    print("PARSED", json.dumps(found))
    return 0


def _as_cpu() -> None:
    platforms: Any = importlib.import_module("vllm.platforms")
    if not platforms.current_platform.device_type:
        platforms._current_platform = importlib.import_module("vllm.platforms.cpu").CpuPlatform()


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not name.startswith(error.name):
            raise
        return None


def _parsed(module: Any, parser: Any, words: list[str]) -> Any:
    try:
        args = parser.parse_args(words)
        args.subparser = "serve"
        module.validate_parsed_serve_args(args)
    except SystemExit:
        return None
    return json.loads(json.dumps(vars(args), default=_plain))


def _plain(value: Any) -> Any:
    is_record = dataclasses.is_dataclass(value) and not isinstance(value, type)
    return dataclasses.asdict(value) if is_record else str(value)


if __name__ == "__main__":
    sys.exit(main())
