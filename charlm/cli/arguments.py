"""The arguments of every command."""

import argparse

from .. import __version__

FILE = "charlm-model.safetensors"
MODELS = "bigram, mlp, rnn, gru, lstm, tree, wavenet or gpt (mlp)"

EPILOG = """examples:
  charlm train --model gpt                train a GPT on the bundled names
  charlm train --data poems.txt --text    on your own running text
  charlm sample --count 20 --temperature 0.8
  charlm eval --name emilia               how likely is a name?
  charlm check my_file.py:linear_backward run a file, judge a backward in it

exit codes: 0 done, 1 the answer is no or the run was stopped, 2 wrong usage or input
"""


def _options(parser: argparse.ArgumentParser) -> None:
    """Options that several commands have."""
    parser.add_argument("--json", action="store_true", help="print JSON, for machines")


def _train(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--model", default="mlp", help=MODELS)
    add("--data", default="names", help="names, makemore, tinyshakespeare, or a file")
    add("--text", action="store_true", help="the file is running text, not a list")
    add("--out", default=FILE, help=f"file of the model ({FILE})")
    add("--resume", action="store_true", help="go on with the run in --out")
    add("--overwrite", action="store_true", help="replace the run in --out")
    add("--save-every", type=float, default=30.0, help="seconds between saves (30)")
    add("--plot", metavar="FILE", help="draw the loss into a picture")
    add("--device", choices=["cpu", "cuda"], default="cpu", help="where (cpu)")
    shape = parser.add_argument_group("the model; what a model lacks, it refuses")
    for name, kind, about in (
        ("block", int, "symbols of context"),
        ("n-embd", int, "numbers per symbol"),
        ("n-hidden", int, "hidden units"),
        ("n-layer", int, "blocks of a GPT"),
        ("n-head", int, "heads of a GPT"),
        ("levels", int, "levels of a tree or WaveNet; the context is 2**levels"),
        ("dropout", float, "dropout of a GPT"),
        ("positions", str, "learned, sinusoid or rope, of a GPT"),
        ("truncate", int, "steps after which a recurrent net cuts its gradient"),
        ("reset", str, "before or after the product, of a GRU"),
        ("forget", float, "initial forget bias of an LSTM"),
    ):
        shape.add_argument(f"--{name}", type=kind, help=about)
    run = parser.add_argument_group("the run")
    for name, kind, about in (
        ("epochs", float, "how often everything is seen (10)"),
        ("steps", int, "minibatches, instead of epochs"),
        ("batch", int, "rows of a minibatch (64)"),
        ("lr", float, "largest learning rate (0.005)"),
        ("optimiser", str, "sgd, momentum, adam, adamw or muon (adamw)"),
        ("decay", float, "weight decay (0)"),
        ("schedule", str, "constant, cosine, linear, step or one_cycle (cosine)"),
        ("warmup", float, "share of the run to warm up (0.1)"),
        ("clip", float, "longest gradient; 0 for none (0)"),
        ("smoothing", float, "label smoothing (0)"),
        ("token-dropout", float, "share of symbols hidden from the model (0)"),
        ("ema", float, "running average of the parameters (0)"),
        ("evals", int, "measurements of the dev loss (10)"),
        ("patience", int, "stop after so many without a gain; 0 for never (0)"),
        ("seed", int, "of everything random (0)"),
    ):
        run.add_argument(f"--{name}", type=kind, help=about)


def _sample(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("file", nargs="?", default=FILE, help=f"a trained model ({FILE})")
    add("--count", type=int, default=10, help="how many (10)")
    add("--prefix", default="", help="what they begin with")
    add("--temperature", type=float, default=1.0, help="0 greedy, 1 as trained (1)")
    add("--top-k", type=int, help="choose among the k likeliest symbols")
    add("--top-p", type=float, help="choose among the likeliest with this mass")
    add("--beam", type=int, metavar="WIDTH", help="the likeliest, by beam search")
    add("--longest", type=int, default=40, help="cut after so many symbols (40)")
    add("--seed", type=int, default=0, help="of the draw (0)")


def _eval(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", default=FILE, help="a trained model")
    parser.add_argument("--name", action="append", help="a text; its probability")


def _check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "target",
        nargs="?",
        help="a pair of charlm (layernorm), or FILE.py:NAME_backward of your own; "
        "without it, every pair",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=120.0,
        help="how long a file of your own may run (120)",
    )
    parser.epilog = (
        "A file of your own is run, with all it does, in a process of its own: check "
        "only files that you would run. It may define NAME, the forward, and "
        "NAME_inputs(). Exit codes: 0 right, 1 wrong, 2 it could not be judged."
    )


def _data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["list", "fetch", "describe"])
    parser.add_argument("source", nargs="?", help="a name from the list, or a file")


def _bench(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--model", default="mlp", help=MODELS)
    add("--data", default="names", help="names, makemore, or a file (names)")
    add("--batch", type=int, default=32, help="rows of a minibatch (32)")
    add("--rounds", type=int, default=20, help="rounds of ten steps each (20)")


COMMANDS = {
    "train": ("train a model with hand-written gradients", _train),
    "sample": ("draw from a trained model", _sample),
    "eval": ("measure a trained model", _eval),
    "check": ("judge gradients, the package's or your own", _check),
    "bench": ("time a training step on this machine", _bench),
    "data": ("list, fetch and describe data sets", _data),
}


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    top = argparse.ArgumentParser(
        prog="charlm",
        description="Character-level language models, trained with gradients by hand.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"charlm {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (about, options) in COMMANDS.items():
        one = commands.add_parser(name, help=about, description=about.capitalize())
        options(one)
        _options(one)
    return top
