"""Answers to the exercises with an empty function: what is replaced in a solution."""

WRONG = {
    "ex-ce-write": [
        ("logp.exp() - q", "q - logp.exp()", "dlogits has the wrong sign"),
        ("(count * temperature)", "temperature", "dlogits is 6 times"),
        ("(count * temperature)", "count", "dlogits is 1.7 times"),
        (" * kept[..., None]", "", "[1, 0]"),
        ("smoothing / logp.shape[-1]", "0.0", "wrong at"),
        ("dloss * rows", "rows", "dy is not multiplied in"),
        ("logp.exp()", "logp", "wrong at"),
    ],
    "ex-ce-temperature": [
        ("-((p", "((p", "dtau has the wrong sign"),
        (".sum(1).mean()", ".sum()", "dtau is too large by 8"),
        ("(p - q)", "p", "wrong"),
        ("tau**2", "tau", "dtau is 1.3 times"),
        (" * dloss", "", "dtau is the local derivative alone"),
    ],
    "ex-ce-focal": [
        ("dell = gamma", "dell = -gamma", "wrong"),
        (" - (1 - p) ** gamma\n", "\n", "lacks the path"),
        ("dloss / len(ell)", "dloss", "divide by it"),
        ("(y - logp.exp())", "(logp.exp() - y)", "wrong sign"),
        ("gamma * (1 - p) ** (gamma - 1) * p", "gamma * (1 - p) ** (gamma - 1)", "wrong"),
    ],
    "ex-ce-zloss": [
        ("2 * strength", "strength", "is half of what it should be"),
        ("/ len(z)", "", "is too large by 8"),
        ("(z - lse).exp()", "z.exp()", "wrong"),
        ("lse * (z", "(z", "wrong"),
    ],
}

RIGHT = {
    "ex-ce-write": [("(logp.exp() - q) * kept[..., None]", "torch.where(kept[..., None], logp.exp() - q, 0.0)")],
    "ex-ce-zloss": [("(z - lse).exp()", "ops.softmax(z)[0]")],
}
