"""What Optuna's pruners and Ray's ASHA decide on drawn curves.

usage: python tests/golden/decide/make.py   (needs optuna and ray[tune])
writes decisions.json: [{"decider": its [decide] table, "courses": [[value after epoch 1, ...] of each training],
"looks": [[training, epoch, stopped], ...] in the order in which they were judged}]

Trainings of a study run one after the other for Optuna, and in drawn turns for Ray.
"""
import json
import pathlib

import numpy as np
import optuna
from ray.tune.schedulers.async_hyperband import _Bracket

optuna.logging.set_verbosity(optuna.logging.ERROR)
EPOCHS, TRAININGS = 12, 9


def curves(seed):
    rng = np.random.default_rng(seed)
    ends, rates = rng.uniform(0.3, 0.8, TRAININGS), rng.uniform(1, 6, TRAININGS)
    epochs = np.arange(1, EPOCHS + 1)
    values = ends[:, None] * (1 - np.exp(-rates[:, None] * epochs / EPOCHS)) + rng.normal(0, 0.03, (TRAININGS, EPOCHS))
    values = np.round(values.clip(0, 1), 3)
    if seed % 3 == 1:
        values[rng.integers(TRAININGS), 5:] = np.nan
    return values


def optuna_case(table, pruner, seed):
    values, looks = curves(seed), []
    study = optuna.create_study(direction="maximize", pruner=pruner)
    for training, course in enumerate(values):
        trial = study.ask()
        for epoch, value in enumerate(course, 1):
            trial.report(value, epoch)
            stopped = trial.should_prune()
            looks.append([training, epoch, bool(stopped)])
            if stopped:
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            last = course[-1]
            state = optuna.trial.TrialState.FAIL if np.isnan(last) else optuna.trial.TrialState.COMPLETE
            study.tell(trial, None if np.isnan(last) else last, state=state)
    return {"decider": table, "courses": [[None if np.isnan(v) else v for v in c] for c in values.tolist()], "looks": looks}


class Trial:
    def __init__(self, name):
        self.trial_id = name


def ray_case(table, seed):
    rng, values, looks = np.random.default_rng(seed + 100), np.nan_to_num(curves(seed), nan=0.1), []
    bracket = _Bracket(table["grace_period"], table["max_t"], table["reduction_factor"], 0)
    trials, done, stopped = [Trial(str(i)) for i in range(TRAININGS)], [0] * TRAININGS, [False] * TRAININGS
    while True:
        left = [i for i in range(TRAININGS) if not stopped[i] and done[i] < EPOCHS]
        if not left:
            break
        i = int(rng.choice(left))
        done[i] += 1
        # As ASHAScheduler.on_trial_result.
        stop = done[i] >= table["max_t"] or bracket.on_result(trials[i], done[i], values[i, done[i] - 1]) == "STOP"
        stopped[i] = stop
        looks.append([i, done[i], bool(stop)])
    return {"decider": table, "courses": values.tolist(), "looks": looks}


cases = []
for seed in range(4):
    for startup, warmup, interval, least in [(5, 0, 1, 1), (2, 3, 1, 1), (1, 1, 4, 3)]:
        words = {"n_startup_trials": startup, "n_warmup_steps": warmup, "interval_steps": interval, "n_min_trials": least}
        cases.append(optuna_case({"name": "MedianPruner", **words}, optuna.pruners.MedianPruner(**words), seed))
        cases.append(optuna_case({"name": "PercentilePruner", "percentile": 25.0, **words}, optuna.pruners.PercentilePruner(25.0, **words), seed))
    for resource, factor, rate, count in [(None, 4, 0, 0), (1, 2, 0, 0), (1, 3, 1, 0), (2, 2, 0, 2)]:
        words = {"reduction_factor": factor, "min_early_stopping_rate": rate, "bootstrap_count": count}
        table = {"name": "SuccessiveHalvingPruner", **words, **({"min_resource": resource} if resource else {})}
        pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=resource or "auto", **words)
        cases.append(optuna_case(table, pruner, seed))
    for lower, upper, warmup, interval in [(0.3, None, 2, 1), (0.1, 0.7, 0, 3)]:
        words = {"n_warmup_steps": warmup, "interval_steps": interval}
        table = {"name": "ThresholdPruner", "lower": lower, **({"upper": upper} if upper else {}), **words}
        cases.append(optuna_case(table, optuna.pruners.ThresholdPruner(lower=lower, upper=upper, **words), seed))
    for most, grace, factor in [(100, 1, 4.0), (12, 1, 2.0), (9, 2, 3.0)]:
        cases.append(ray_case({"name": "ASHAScheduler", "max_t": most, "grace_period": grace, "reduction_factor": factor}, seed))
pathlib.Path(__file__).with_name("decisions.json").write_text(json.dumps(cases).replace('{"decider"', '\n{"decider"') + "\n")
