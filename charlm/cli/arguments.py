"""The arguments of every command."""

import argparse
from typing import NoReturn

from .. import __version__
from .output import printable

FILE = "charlm-model.safetensors"
MODELS = "bigram, mlp, rnn, gru, lstm, tree, wavenet or gpt (mlp)"
DEVICES = ("cpu", "cuda", "mps")

EPILOG = """examples:
  charlm train --model gpt                train a GPT on the bundled names
  charlm train --data poems.txt --text    on your own running text
  charlm sample --count 20 --temperature 0.8
  charlm eval --name emilia               how likely is a name?
  charlm export --out model.npz           the parameters, for another program
  charlm check my_file.py:linear_backward run a file, judge a backward in it

exit codes: 0 done, 1 the answer is no or the run was stopped, 2 wrong usage or input
"""


def _options(parser: argparse.ArgumentParser) -> None:
    """Options that several commands have."""
    parser.add_argument("--json", action="store_true", help="print JSON, for machines")


def _device(parser: argparse.ArgumentParser) -> None:
    about = "where to compute (cpu)"
    parser.add_argument("--device", choices=DEVICES, default="cpu", help=about)


def _data_of(parser: argparse.ArgumentParser) -> None:
    """How data are read."""
    add = parser.add_argument
    add("--text", action="store_true", help="the file is running text, not a list")
    add("--nfc", action="store_true", help="join letters and accents that stand apart")


def _train(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--model", help=MODELS)
    add("--data", help="names, book, makemore, tinyshakespeare, or a file (names)")
    _data_of(parser)
    add("--boundary", help="ends the items of a list ('.', or free if they have that)")
    add("--out", metavar="FILE", help=f"file of the model ({FILE})")
    add("--resume", action="store_true", help="go on with the run in --out")
    add("--overwrite", action="store_true", help="replace the run in --out")
    about = "begin with this model, and with its symbols"
    add("--from", dest="start", metavar="FILE", help=about)
    add("--save-every", type=float, metavar="SECONDS", help="between saves (30)")
    add("--plot", metavar="FILE", help="draw the loss into a .png, .svg or .pdf")
    about = "write losses and samples into a .csv, a row for each measurement"
    add("--log", metavar="FILE", help=about)
    _device(parser)
    shape = parser.add_argument_group("the model; what a model lacks, it refuses")
    for name, kind, about in (
        (
            "block",
            int,
            "symbols of context (mlp 3, gpt 16, rnn, gru and lstm 64; or by the data)",
        ),
        ("n-embd", int, "numbers per symbol (mlp 10, gpt 64, others 24)"),
        (
            "n-hidden",
            int,
            "hidden units (mlp 200 or 20, rnn 83, gru 46, lstm 39, tree 128)",
        ),
        ("n-layer", int, "blocks of a GPT (4)"),
        ("n-head", int, "heads of a GPT (4)"),
        ("levels", int, "of a tree or WaveNet, which reads 2**levels symbols (3)"),
        ("dropout", float, "dropout of a GPT (0)"),
        ("positions", str, "learned, sinusoid or rope, of a GPT (learned)"),
        ("attention", str, "plain, tiled or fused, of a GPT; the same (plain)"),
        (
            "truncate",
            int,
            "steps after which a recurrent net cuts its gradient (never)",
        ),
        ("reset", str, "before or after the product, of a GRU (after)"),
        (
            "momentum",
            float,
            "share of a minibatch in running statistics (mlp 0.001 or 0.1, tree 0.1)",
        ),
        ("forget", float, "initial forget bias of an LSTM (0)"),
    ):
        shape.add_argument(f"--{name}", type=kind, help=about)
    run = parser.add_argument_group("the run")
    about = "compile the step; for long runs, as that takes minutes (off)"
    run.add_argument("--compile", action="store_true", default=None, help=about)
    for name, kind, about in (
        ("epochs", float, "how often everything is seen (by the data, about 10)"),
        ("steps", int, "minibatches, instead of epochs (2,000 to 20,000)"),
        ("batch", int, "rows of a minibatch (64, fewer of little data)"),
        ("lr", float, "largest learning rate (0.005)"),
        ("optimiser", str, "sgd, momentum, adam, adamw or muon (adamw)"),
        ("decay", float, "weight decay (0)"),
        ("schedule", str, "constant, cosine, linear, step or one_cycle (cosine)"),
        ("warmup", float, "share of the run to warm up (0.1)"),
        ("clip", float, "longest gradient; 0 for none (0)"),
        ("smoothing", float, "label smoothing (0)"),
        ("token-dropout", float, "share of symbols hidden from the model (0)"),
        ("ema", float, "running average of the parameters (0)"),
        ("accumulate", int, "parts of a minibatch, gone through in turn (1)"),
        ("precision", str, "float32, float16 or bfloat16 (float32)"),
        ("evals", int, "measurements of the dev loss (20; 10 of a length given)"),
        ("patience", int, "stop after so many without a gain; 0 for never (5; 0)"),
        ("seed", int, "of everything random (0)"),
    ):
        names = [f"--{name}"] + (["--optimizer"] if name == "optimiser" else [])
        run.add_argument(*names, type=kind, help=about)


def _file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", default=FILE, help=f"a model ({FILE})")


def _sample(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    _file(parser)
    add("--count", type=int, default=10, help="how many, for each beginning (10)")
    about = "what they begin with; - reads beginnings from standard input, one a line"
    add("--prefix", default="", help=about)
    add("--temperature", type=float, default=1.0, help="0 greedy, 1 as trained (1)")
    add("--top-k", type=int, help="choose among the k likeliest symbols (all)")
    add("--top-p", type=float, help="choose among the likeliest with this mass (1)")
    add("--beam", type=int, metavar="WIDTH", help="the likeliest, by beam search")
    add("--longest", type=int, help="cut after so many symbols (list 40, text 500)")
    add("--seed", type=int, default=0, help="of the draw (0)")
    about = "count how many are not in these data (only the package's own, unasked)"
    add("--data", help=about)
    _device(parser)


def _eval(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    _file(parser)
    add("--name", action="append", help="a text; its probability")
    add("--data", help="a file or data set to measure on (what it was trained on)")
    _device(parser)


def _info(parser: argparse.ArgumentParser) -> None:
    _file(parser)


def _export(parser: argparse.ArgumentParser) -> None:
    _file(parser)
    about = (
        "where; .safetensors: parameters by name, .npz: the same for NumPy, "
        ".py: a program that draws samples and needs only NumPy"
    )
    parser.add_argument("--out", required=True, metavar="FILE", help=about)
    about = "replace what is there"
    parser.add_argument("--overwrite", action="store_true", help=about)


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
    _data_of(parser)


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
    "info": ("say what a file of a model holds", _info),
    "export": ("write a model for another program", _export),
    "check": ("judge gradients, the package's or your own", _check),
    "bench": ("time a training step on this machine", _bench),
    "data": ("list, fetch and describe data sets", _data),
}


class Parser(argparse.ArgumentParser):
    """Says what was typed in a form that a terminal does not obey."""

    def error(self, message: str) -> NoReturn:
        """Say it, and end with exit code 2."""
        super().error(printable(message))


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    top = Parser(
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
