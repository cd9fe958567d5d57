import os, sys, time, tempfile

os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp()
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
os.environ.setdefault("FABML_HOME", "/work/main/.local")


def main():
    from airflow_provider_fabml.local.azurite import Azurite
    from faults.in_process.world import world
    from faults.in_process.plans import Plan
    from faults.in_process.one_run import OneRun
    from faults.in_process.verdict import judge
    from azure.storage.blob import BlobServiceClient

    with Azurite() as az:
        BlobServiceClient.from_connection_string(az.connection_string).create_container("trusted")
        t = time.time()
        with world(az, {}) as w:
            print("world", time.time() - t)
            for d in (False, True):
                for k in ("model", "pipeline"):
                    t = time.time()
                    p = Plan(0, d, kind=k)
                    s = OneRun(w, p).go()
                    print(
                        d, k, time.time() - t, s.state, judge(w, p, s), len(s.effects), s.requests
                    )
                if s.state != "success":
                    print(s.log)
                print([f"{e.phase}:{e.name}" for e in s.effects])


if __name__ == "__main__":
    main()
