"""Settings that all tiers share."""

try:
    from hypothesis import settings
except ModuleNotFoundError:  # the DAG tier runs in Airflow's environment, which has no property tests
    pass
else:
    # Times are for benches: the machine is shared, and a slow example is no failure.
    settings.register_profile("aiic", deadline=None)
    settings.load_profile("aiic")
