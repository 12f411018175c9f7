"""Forward mode, and the Hessian of softmax regression times a vector."""

import torch
from derivation import Derivation, Step

from charlm import ops


def curvature(w, backward=None):
    targets = w.Y.argmax(1)

    def gradient(W):
        z, c_map = ops.matmul(w.X, W)
        _, cache = ops.cross_entropy(z, targets)
        dz = ops.cross_entropy_backward(torch.ones(()).double(), cache)
        return ops.matmul_backward(dz, c_map)[1]

    z, _ = ops.matmul(w.X, w.W)
    p, c_soft = ops.softmax(z)
    z_dot = w.X @ w.U
    p_dot = ops.softmax_jvp(z_dot, c_soft)
    return {"z_dot": z_dot, "p_dot": p_dot, "Hu": w.X.T @ p_dot / len(w.X)}


second_hessian = Derivation(
    title="a Hessian times a direction",
    lengths={"N": (4, 5), "I": (2, 3), "V": (3, 4)},
    inputs={"X": "N I", "W": "I V", "Y": "onehot: N V", "U": "I V"},
    forward={"z": "X @ W", "p": "exp(z) / sum(exp(z))", "dW": "X.T @ (p - Y) / N"},
    package=curvature,
    axes=(1,),
    steps=(
        Step(
            "z_dot",
            "X @ U",
            hint="z is linear in W: put the direction U in its place.",
            slips={"X @ W": "That is z; its tangent takes the direction, U."},
        ),
        Step(
            "p_dot",
            "p * (z_dot - sum(p * z_dot))",
            hint="The JVP of softmax; its Jacobian is symmetric.",
            slips={
                "p * z_dot": "Probabilities sum to one: what moves all scores alike "
                "moves none of them.",
                "p * (1 - p) * z_dot": "That is the diagonal of the Jacobian alone.",
                "p * (z_dot - sum(z_dot))": "The mean is weighted by p.",
                "p * (z_dot - mean(z_dot))": "The mean is weighted by p.",
            },
        ),
        Step(
            "Hu",
            "X.T @ p_dot / N",
            hint="The gradient is Xᵀ(p - Y)/N: of it, only p moves.",
            slips={
                "X.T @ (p_dot - Y) / N": "Y does not move: its tangent is zero.",
                "X.T @ p_dot": "The loss is a mean: 1/N.",
                "X.T @ z_dot / N": "Between z and the gradient stands the softmax.",
            },
        ),
    ),
)


def hessian_in_one(w):
    """Second derivative of the loss along one score, for two equal scores."""
    z = torch.zeros(1, 2).double()
    _, cache = ops.softmax(z)
    along = torch.tensor([[1.0, 0.0]]).double()
    return ops.softmax_jvp(along, cache)[0, 0]


second_recall = Derivation(
    title="curvature",
    steps=(
        Step(
            ask="Two equal scores, cross-entropy. The second derivative of the loss "
            "with "
            "respect to one of them?",
            right="1/4",
            hint="p (1 - p).",
            slips={"1/2": "p (1 - p), at p = 1/2."},
            proof=hessian_in_one,
        ),
        Step(
            ask="tanh, where its output is 0.6: the tangent of the output for a "
            "tangent of "
            "2 at the input?",
            right="2 * 0.64",
            hint="The slope, 1 - y², times the tangent.",
            slips={"0.64": "Times the tangent, 2.", "0.8": "The output is squared."},
            proof=lambda w: ops.tanh_jvp(2 * ONE, (0.6 * ONE,)),
        ),
    ),
)

ONE = torch.ones((), dtype=torch.float64)
