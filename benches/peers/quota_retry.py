"""The model `quota-retry` (scenarios/quota-retry.toml) in SimPy, with processes as SimPy's users write them.

Arguments: requests/s, seconds, seed. Prints one line of JSON. Needs `pip install simpy`.
"""

import json
import math
import random
import sys
import time

import simpy

QUOTA = 10_000.0
SHARES = (0.5, 0.3, 0.2)
DECRYPTS = (0.8, 0.5, 0.1)
MAX_ATTEMPTS = 5


class Account:
    """The shared quota, a token bucket, and what was counted."""

    def __init__(self, env):
        self.env = env
        self.tokens = QUOTA
        self.refilled = 0.0
        self.requests = self.attempts = self.throttled = self.failed = self.events = 0
        self.by_class = [0] * 6

    def admits(self):
        now = self.env.now
        self.tokens = min(QUOTA, self.tokens + (now - self.refilled) * QUOTA)
        self.refilled = now
        if self.tokens >= 1.0:
            self.tokens -= 1.0
            return True
        return False


def request(env, account, rng, kind):
    """One request: attempts until it is admitted or has failed."""
    for throttled in range(MAX_ATTEMPTS):
        account.attempts += 1
        account.events += 1
        if account.admits():
            yield env.timeout(rng.lognormvariate(math.log(0.004), 0.5))
            account.events += 1
            account.by_class[kind] += 1
            account.requests += 1
            return
        account.throttled += 1
        if throttled + 1 < MAX_ATTEMPTS:
            yield env.timeout(rng.random() * min(20.0, 0.05 * 2**throttled))
    account.failed += 1
    account.requests += 1


def workload(env, account, rng, w, load, horizon):
    """Poisson arrivals until the horizon."""
    while True:
        gap = rng.expovariate(load * SHARES[w])
        if env.now + gap >= horizon:
            return
        yield env.timeout(gap)
        kind = 2 * w + (rng.random() >= DECRYPTS[w])
        env.process(request(env, account, rng, kind))


def main():
    load, horizon, seed = float(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    env = simpy.Environment()
    account = Account(env)
    rng = random.Random(seed)
    for w in range(len(SHARES)):
        env.process(workload(env, account, rng, w, load, horizon))
    started = time.perf_counter()
    env.run()
    seconds = time.perf_counter() - started
    print(
        json.dumps(
            {
                "engine": f"SimPy {simpy.__version__}",
                "events": account.events,
                "seconds": round(seconds, 3),
                "requests": account.requests,
                "attempts": account.attempts,
                "throttle_rate": round(account.throttled / account.attempts, 4),
                "failure_rate": round(account.failed / account.requests, 4),
            }
        )
    )


main()
