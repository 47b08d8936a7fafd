"""What each shipped experiment ends with, on any cluster: answer, and words of why."""

NO_REMEDY = ("broken, accepted", "not recovered")
DAYS: dict[str, dict[str, tuple[str, str]]] = {
    "the default game day": {
        "crash-loop": ("held", "PaymentPodRestarting fired"),
        "memory-leak": NO_REMEDY,
        "database-down": NO_REMEDY,
        "gateway-timeout": NO_REMEDY,
    },
    "capacity": {
        "cpu-pressure": ("held", "PaymentCpuHigh fired"),
        "pods-killed": ("held", "PaymentPodsMissing fired"),
        "traffic-surge": ("held", "PaymentTrafficHigh fired"),
    },
    "releases": {
        "bad-config": NO_REMEDY,
        "bad-config-reload": ("held", "PaymentPodRestarting fired"),
        "memory-leak-rollback": ("held", "PaymentMemoryHigh fired"),
    },
    "the database": {
        "database-unreachable": NO_REMEDY,
        "database-slow-lock": NO_REMEDY,
        "database-slow-latency": NO_REMEDY,
        "pool-exhausted": NO_REMEDY,
        "database-killed": NO_REMEDY,
    },
    "the gateways": {
        "gateway-timeout-fallback": ("held", "PaymentSuccessRateLow fired"),
        "gateway-credentials-fallback": ("held", "PaymentSuccessRateLow fired"),
        "gateway-errors": NO_REMEDY,
        "gateway-rate-limited": NO_REMEDY,
        "gateway-credentials": NO_REMEDY,
    },
    "other dependencies": {
        "auth-down": NO_REMEDY,
        "cache-down": NO_REMEDY,
    },
}
