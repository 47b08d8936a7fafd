"""What holds for every test."""

import os
import signal

import pytest

# A shell starts what it runs in the background with Ctrl-C ignored, and `nohup` with SIGHUP; both
# are inherited: then no test could interrupt anything.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def _kubectl_keeps_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Else a kubectl that a test starts leaves what it discovered in the home folder."""
    os.environ["KUBECACHEDIR"] = str(tmp_path_factory.mktemp("kubectl"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write the golden files of the tests that run; those of a cluster from the one in use",
    )
    parser.addoption(
        "--kubeconfig",
        help="run against this cluster; `realkube` starts the real one of $REALKUBE (root, Debian)",
    )
