"""What readers write instead: exercise -> (part of the solution, change, diagnosis).

Each diagnosis is a part of what the check of the exercise says.
"""

WRONG = {
    "rnn": {
        "ex-rnn-initial": [
            ("dh.sum(0)", "dh", "dc is not summed over axis -2"),
            ("dh.sum(0)", "dh.mean(0)", "dc is too small by 4"),
            ("reversed(caches)", "caches", "dW is wrong at 15 of 15"),
            ("dh.sum(0), *total", "*total, dh.sum(0)", "return dc, dW, dU, db"),
        ],
        "ex-rnn-cut": [
            ("t % k", "(t + 1) % k", "dW, dU, db: the cut comes one step too late"),
            ("t % k == 0", "False", "nothing is cut, this is the whole gradient"),
            ("dh + de[:, t]", "de[:, t]", "dW is wrong"),
        ],
        "ex-rnn-leaky": [
            (" + (1 - alpha) * dy", "", "dh lacks the path through"),
            ("alpha * dy, cache", "dy, cache", "dx is 3.33333 times"),
            ("(1 - alpha) * dy", "alpha * dy", "dh has a factor 0.428571 on"),
        ],
    },
    "gru": {
        "ex-gru-write": [
            ("z * dy + r", "(1 - z) * dy + r", "dh is wrong"),
            ("(r * h).T @ dan", "h.T @ dan", "reset_forgotten_in_the_weights"),
            ("z * dy + r * dp", "r * dp", "direct_path_forgotten"),
        ],
        "ex-gru-minimal": [
            ("((n - h) * dy + h * dp)", "(n - h) * dy", "dh lacks the path through"),
            ("f * dp + daf", "dp + daf", "dh is wrong"),
            ("(1 - f) * dy + f * dp", "f * dp", "dh lacks the path through"),
        ],
    },
    "lstm": {
        "ex-lstm-write": [
            ("dnew + o", "o", "cell_gradient_overwritten"),
            ("f * dm])", "dm])", "forget_gate_forgotten"),
            ("dnew + o * (1 - q * q) * dh", "dnew", "output_path_forgotten"),
        ],
        "ex-lstm-peephole": [
            (" + dao * P[2]", "", "lacks the path through"),
            ("dai * P[0] + daf * P[1]", "daf * P[1]", "ds lacks the path through"),
            ("(dai * c).sum(0)", "(dai * c).mean(0)", "dP has a factor 0.2 on"),
        ],
        "ex-lstm-coupled": [
            ("(c - g) * dm", "c * dm", "lacks the path through"),
            ("(1 - f) * dm", "f * dm", "dW is wrong"),
            ("f * dm])", "dm])", "ds is wrong"),
        ],
    },
    "efficient-attention": {
        "ex-efficient-merge": [
            (
                "torch.logaddexp(lse, other)",
                "(lse.exp() + other.exp()).log()",
                "lse is infinite or not a number",
            ),
            (
                "(lse - total).exp() * Y + (other - total).exp() * Z",
                "(Y + Z) / 2",
                "Y: both halves count alike",
            ),
            (
                "(lse - total).exp() * Y + (other - total).exp() * Z",
                "(other - total).exp() * Y + (lse - total).exp() * Z",
                "Y: each half has the weight of the other",
            ),
        ],
        "ex-efficient-alibi": [
            ("q * ((D + 1) / D) ** 0.5", "q", "the scale is that of one feature more"),
            ("(D + 1) ** 0.5,", "1.0,", "the bias is multiplied by the scale"),
            ("beta * place", "-beta * place", "the bias has the wrong sign"),
            ("True, 2, 3", "False, 2, 3", "keys that come after the query"),
        ],
        "ex-efficient-grouped": [
            ("ops.broadcast_to_backward(dk, c_k)", "dk", "dk is not summed over axis"),
            (
                "ops.broadcast_to_backward(dk, c_k)",
                "dk.mean(1, keepdim=True)",
                "dk is too small by 3",
            ),
            ("ops.broadcast_to_backward(dk, c_k)", "dk[:, :1]", "dk is wrong"),
        ],
        "ex-efficient-window": [
            ("[-w:]", "[-w - 1:]", "each query sees one key too many"),
            ("start=t", "start=0", "nothing is rotated"),
            ("[-w:]", "", "nothing is forgotten"),
        ],
        "ex-efficient-checkpoint": [
            ("grads[::-1]", "grads", "all layers come in the order in which"),
            ("ops.tanh_backward(dy, c_tanh)", "dy", "the slope of tanh is left out"),
            (
                "through(starts[-1], Ws)\n        most",
                "through(x, Ws)\n        most",
                "every stretch is run again from x",
            ),
        ],
        "ex-efficient-sink": [
            ("db = -(", "db = (", "db has the wrong sign"),
            ("keepdim=True)).sum()", "keepdim=True)).mean()", "db is too small by 5"),
            ("(b - total).exp() * ", "", "db is wrong"),
        ],
    },
    "second-order": {
        "ex-second-layernorm": [
            ("c_dot = x_dot - mean(x_dot)", "c_dot = x_dot", "the part of x_dot"),
            ("gamma_dot * xhat + ", "", "the part of gamma_dot is zero"),
            ("c_dot - xhat", "c_dot + xhat", "the part of x_dot"),
        ],
        "ex-second-product": [
            (" / len(ix)", "", "the sum over rows is not divided"),
            ("ops.softmax_jvp(U[ix], cache)", "p * U[ix]", "the part with p times p"),
            ("index_add_(0, ix,", "index_put_((ix,),", "occurs several times counts"),
        ],
        "ex-second-logsumexp": [
            (" * dy[..., None]", "", "dx is the local derivative alone"),
            ("return ops", "return -ops", "dx has the wrong sign"),
            ("cache[0])[0] * dy[..., None]", "cache[0])[0] * dy.mean()", "dx is wrong"),
        ],
        "ex-second-hutchinson": [
            (" / len(coins) ** 0.5", "", "error: this is the spread of one product"),
            ("** 0.5", "", "error is too small by the root of"),
            ("found.mean()", "found.sum()", "trace: the products are added up"),
        ],
        "ex-second-two": [
            ("w - (p", "w + (p", "w: the step goes uphill"),
            ("(p * (1 - p) + damping)", "(p + damping)", "p (1 - p), not p"),
            (" + damping", "", "w is what it would be if damping were zero"),
        ],
        "ex-second-fisher": [
            ("p[j] * torch", "torch", "without their probabilities"),
            ("total + p[j]", "p[j]", "F is wrong"),
            ("p[j] * torch", "torch.ones(()) / len(z) * torch", "count alike"),
        ],
        "ex-second-cg": [
            ("d = r + (r @ r) / before * d", "d = r", "this is steepest descent"),
            ("(r @ r) / before * d", "before / (r @ r) * d", "upside down"),
            ("range(count)", "range(count - 1)", "one product too few"),
        ],
        "ex-second-norm": [
            ("r_dot * (dy - xhat * k) + ", "", "r is taken for a constant"),
            ("r * (x_dot - xhat * mean(xhat * x_dot))", "0 * x_dot", "xhat is taken"),
            ("-(r**2)", "r**2", "the tangent of r has the wrong sign"),
        ],
    },
    "scale": {
        "ex-scale-top": [
            ("(y >= 0).sum()", "torch.tensor(len(y))", "without a target"),
            ("counts / counts.sum()", "0 * counts + 1 / len(parts)", "mean of means"),
            ("counts / counts.sum()", "counts", "these are the numbers of targets"),
            ("y >= 0", "y > 0", "targets that are 0 are left out"),
        ],
        "ex-scale-unscale": [
            (
                "return g * (longest / length) if length > longest else g",
                "return factor * g * (longest / length / factor).clamp(max=1) / factor",
                "it is clipped before it is divided",
            ),
            (" if length > longest else g", "", "also where it is shorter"),
            ("g.norm()", "g.abs().max()", "its largest element is compared"),
        ],
    },
    "attention": {
        "ex-attention-cross": [
            (" + dv @ Wv.T", "", "dz lacks the path through"),
            ("z.T @ dk, z.T @ dv", "z.T @ dv, z.T @ dk", "return dx, dz, dWq, dWk"),
            ("dq @ Wq.T, dk", "dk @ Wk.T, dk", "dx has shape (6, 3)"),
        ],
        "ex-attention-dropout": [
            ("keep * (dy @ v.T)", "dy @ v.T", "dq is wrong"),
            (" * 3**-0.5", "", "dq is too large by the root of 3"),
            ("(keep * A).T", "A.T", "dv is wrong"),
        ],
        "ex-attention-additive": [
            ("dS.diagonal(-n).sum()", "dS.diagonal(-n).mean()", "dbeta is wrong"),
            ("dS.diagonal(-n)", "dS.diagonal(n)", "dbeta is wrong"),
            ("dS.diagonal(-n).sum()", "-dS.diagonal(-n).sum()", "the wrong sign"),
        ],
        "ex-attention-running": [
            ("v.cumsum(0) / n", "v.cumsum(0) / len(v)", "by the number of all rows"),
            ("v.cumsum(0) / n", "v.cumsum(0)", "not divided by the number of rows"),
            ("v.cumsum(0) / n", "(v.cumsum(0) - v) / n", "left out of its own mean"),
        ],
        "ex-attention-scale": [
            ("c * dS @ k, c", "dS @ k, c", "dq is 1.42857 times"),
            ("(dS * (q @ k.T)).sum()", "(c * dS * (q @ k.T)).sum()", "dc is 0.7 times"),
            ("(dS * (q @ k.T)).sum()", "dS * (q @ k.T)", "dc is not summed over axis"),
        ],
    },
    "positions": {
        "ex-positions-multi-query": [
            ("dk.sum(1, keepdim=True)", "dk", "dk is not summed over axis -3"),
            ("dk.sum(1, keepdim=True)", "dk.mean(1, keepdim=True)", "too small by 3"),
            ("dk.sum(1, keepdim=True)", "dk.sum(1)", "shape (2, 4, 2) should be"),
        ],
        "ex-positions-alibi": [
            ("-(dS", "(dS", "dm has the wrong sign"),
            (".sum((0, 2, 3))", ".sum((2, 3))", "dm is not summed over axis -2"),
            ("dS * distance", "dS", "dm is wrong"),
        ],
        "ex-positions-half": [
            ("ops.rope_backward(dy[..., :h], c_rope)", "dy[..., :h]", "dx is wrong"),
            (
                "ops.rope_backward(dy[..., :h], c_rope)",
                "ops.rope(dy[..., :h])[0]",
                "FAIL dx",
            ),
            ("dy[..., h:]]", "0 * dy[..., h:]]", "FAIL dx"),
        ],
        "ex-positions-pairs": [
            ("a * cos - b * sin, a", "a * cos + b * sin, -a", "it turns backwards"),
            ("torch.arange(T)", "torch.arange(1, T + 1)", "the first position is 1"),
            ("torch.arange(0, D, 2)", "torch.arange(D // 2)", "fall too slowly"),
        ],
    },
    "gpt": {
        "ex-gpt-swiglu": [
            ("dx_a + dx_b", "dx_a", "dx lacks the path through"),
            ("(da, c_a)", "(db, c_a)", "dWa is what dWb should be"),
            ("dWa, dWb, dWc  ", "dWb, dWa, dWc  ", "returned as dx, dWb, dWa, dWc"),
        ],
        "ex-gpt-postnorm": [
            ("ds + dx, dW", "dx, dW", "dx lacks the path through"),
            ("ds + dx, dW", "dy + dx, dW", "dx is wrong"),
            ("dgamma, dbeta\n\n", "dbeta, dgamma\n\n", "return dx, dW, dgamma, dbeta"),
        ],
    },
    "generation": {
        "ex-generation-gumbel": [
            ("heat * -(-u", "heat * (-u", "the noise has the wrong sign"),
            ("heat * -(-u.log()).log()", "heat * -u.log()", "one logarithm"),
            ("argmax", "argmin", "the least is taken"),
        ],
        "ex-generation-multinomial": [
            ("p.cumsum(0) < u", "p < u", "running sums"),
            (".sum(1)", ".sum(1) + 1", "every symbol is one too large"),
            ("p.cumsum(0) < u", "p.cumsum(0) > u", "symbols is wrong"),
        ],
        "ex-generation-min-p": [
            ("heat * r.log()", "r.log()", "the temperature is left out"),
            ("z >= ", "z > ", "a symbol at the threshold has to stay"),
            ("heat * r.log()", "heat * r", "r itself stands where its logarithm"),
        ],
        "ex-generation-entropy": [
            ("return log_tau.exp()", "return log_tau", "the logarithm of tau"),
            ("return log_tau.exp()", "return 1 / log_tau.exp()", "this is 1 / tau"),
            ("range(60)", "range(1)", "tau is wrong"),
        ],
        "ex-generation-repetition": [
            ("(p * c).sum() - c", "-c", "the mean count is missing"),
            ("(p * c).sum() - c", "c - (p * c).sum()", "slope has the wrong sign"),
            ("z - alpha * c", "z", "slope is what it would be if alpha were zero"),
        ],
        "ex-generation-beam": [
            ("return best[1], -best[0]", "return best[1], best[0]", "negative of the"),
            ("return best[1], -b", "return best[1][:-1], -b", "right without its end"),
            ("-best[0]", "-best[0] / 2", "logp is half of what it should"),
        ],
        "ex-generation-distinct": [
            ("(1 - (1 - P) ** n).sum()", "(n * P).sum()", "twice counts twice"),
            ("(1 - (1 - P) ** n)", "((1 - P) ** n)", "names that do not come up"),
            ("(1 - P) ** n).sum()", "(1 - P) ** n).mean()", "not their number"),
        ],
    },
}

# right, and written otherwise
RIGHT = {
    ("rnn", "ex-rnn-initial"): ("dh.sum(0)", 'torch.einsum("nh->h", dh)'),
    ("rnn", "ex-rnn-cut"): (
        "dh = torch.zeros_like(dh)\n    ret",
        "dh.zero_()\n    ret",
    ),
    ("rnn", "ex-rnn-leaky"): ("dh + (1 - alpha) * dy", "dh.add_(dy, alpha=1 - alpha)"),
    ("gru", "ex-gru-write"): (
        "z * dy + r * dp + dar @ Ur.T + daz @ Uz.T",
        'torch.einsum("bk,hk->bh", daz, Uz) + dar @ Ur.T + dp * r + dy * z',
    ),
    ("lstm", "ex-lstm-write"): (
        "dnew + o * (1 - q * q) * dh",
        "(o - o * q**2).mul_(dh) + dnew",
    ),
    ("efficient-attention", "ex-efficient-merge"): (
        "torch.logaddexp(lse, other)",
        "torch.cat([lse, other], 1).logsumexp(1, keepdim=True)",
    ),
    ("efficient-attention", "ex-efficient-checkpoint"): (
        "before.T @ du",
        'torch.einsum("ne,nf->ef", before, du)',
    ),
    ("second-order", "ex-second-layernorm"): (
        "mean(xhat * c_dot)",
        "mean(xhat * x_dot)",
    ),
    ("second-order", "ex-second-product"): (
        "torch.zeros_like(W).index_add_(0, ix, dz_dot)",
        "torch.nn.functional.one_hot(ix, len(W)).double().T @ dz_dot",
    ),
    ("second-order", "ex-second-fisher"): (
        "return total",
        "return J.T @ (p.diag() - p.outer(p)) @ J",
    ),
    ("second-order", "ex-second-cg"): ("before / (d @ Ad)", "(r @ d) / (d @ Ad)"),
    ("scale", "ex-scale-unscale"): (
        "return g * (longest / length) if length > longest else g",
        "return g.mul_((longest / length).clamp(max=1))",
    ),
    ("attention", "ex-attention-running"): (
        "(dy / n).flip(0).cumsum(0).flip(0)",
        "torch.ones(len(dy), len(dy)).double().triu() @ (dy / n)",
    ),
    ("positions", "ex-positions-multi-query"): (
        "dk.sum(1, keepdim=True)",
        'torch.einsum("bntd->btd", dk)[:, None]',
    ),
    ("generation", "ex-generation-gumbel"): (
        "z + heat * -(-u.log()).log()",
        "z / heat - (-u.log()).log()",
    ),
    ("generation", "ex-generation-min-p"): (
        "z >= z.amax(-1, keepdim=True) + heat * r.log()",
        "(z / heat).softmax(-1) >= r * (z / heat).softmax(-1).amax(-1, keepdim=True)",
    ),
}
