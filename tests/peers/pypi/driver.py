"""flagd's Python evaluator behind lines of JSON.

Each line in: {"document": TEXT, "now": SECONDS, "asks": [{"flag", "kind", "context"}]}. Each line out: {"refused": MESSAGE}, or {"answers": [...]}.
What is no answer of OpenFeature (an exception that the evaluator did not mean to raise) is given as the error "CRASH".
"""

import json
import logging
import sys
import time
import warnings

from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import OpenFeatureError

NONE = object()


def answer(core, ask):
    context = dict(ask["context"])
    key = context.pop("targetingKey", None)
    try:
        resolve = getattr(core, f"resolve_{ask['kind']}_value")
        found = resolve(ask["flag"], NONE, EvaluationContext(key, context))
    except OpenFeatureError as error:
        return {"reason": "ERROR", "error": error.error_code.value}
    except Exception as error:
        return {"reason": "ERROR", "error": "CRASH", "message": repr(error)}
    given = {"reason": str(getattr(found.reason, "value", found.reason)), "metadata": dict(found.flag_metadata)}
    if found.variant is not None:
        given["variant"] = found.variant
    if found.value is not NONE:
        given["value"] = found.value
    return given


def answers(line):
    asked = json.loads(line)
    time.time = lambda: asked["now"]
    core = FlagdCore()
    try:
        core.set_flags(asked["document"])
    except Exception as error:
        return {"refused": repr(error)}
    return {"answers": [answer(core, ask) for ask in asked["asks"]]}


logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")
for line in sys.stdin:
    print(json.dumps(answers(line)), flush=True)
