"""The Lease that keeps two game days apart, on any cluster: what the API server itself decides."""

from pathlib import Path

import pytest
from transcript import Cluster as Chosen

from rundrill.base.clock import MonotonicClock
from rundrill.target import lease
from rundrill.target.cluster import Cluster, ClusterError

SPACE = "default"
PATH = f"/apis/coordination.k8s.io/v1/namespaces/{SPACE}/leases/{lease.NAME}"


def test_it_is_created_renewed_refused_and_given_back(cluster: Chosen, tmp_path: Path) -> None:
    api = Cluster(cluster.kubeconfig, scratch=tmp_path)
    try:
        lease.take(
            api, SPACE, holder="here_1", run_id="day-1", clock=MonotonicClock(), say=lambda _: None
        )
        taken = api.get(PATH)
        assert taken["spec"]["holderIdentity"] == "here_1"
        assert taken["spec"]["leaseDurationSeconds"] == lease.LASTS_S
        lease.renew(api, SPACE, holder="here_1")
        renewed = api.get(PATH)
        assert renewed["metadata"]["resourceVersion"] != taken["metadata"]["resourceVersion"]
        assert renewed["spec"]["renewTime"] > taken["spec"]["renewTime"]
        assert renewed["spec"]["acquireTime"] == taken["spec"]["acquireTime"]
        with pytest.raises(ClusterError) as stale:  # two who take it over at once
            api.replace(PATH, taken)
        assert stale.value.code == 409
        with pytest.raises(ClusterError) as there:
            api.create(PATH, {**taken, "metadata": {"name": lease.NAME, "namespace": SPACE}})
        assert there.value.code == 409
        with pytest.raises(lease.HeldError, match="held by here_1, for day-1"):
            lease.renew(api, SPACE, holder="there_2")
        lease.release(api, SPACE, holder="there_2")
        assert api.get(PATH)["spec"]["holderIdentity"] == "here_1"
        for malformed in ({"renewTime": "yesterday"}, {"leaseDurationSeconds": "long"}):
            with pytest.raises(ClusterError) as refused:
                api.replace(PATH, {**renewed, "spec": {**renewed["spec"], **malformed}})
            assert refused.value.code in (400, 422)
    finally:
        lease.release(api, SPACE, holder="here_1")
    with pytest.raises(ClusterError) as gone:
        api.get(PATH)
    assert gone.value.code == 404
