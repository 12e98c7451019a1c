"""Python requests: a token that works where it was issued, and the same token at another instance."""

import os

import requests

env = os.environ
session = requests.Session()
if env.get("CA"):
    session.trust_env = False
    session.proxies = {"http": env["PROXY"], "https": env["PROXY"]}
    session.verify = env["CA"]


def incident(host, token):
    url = f"https://{host}/api/now/table/incident?sysparm_limit=1"
    return session.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=20).status_code


form = {"grant_type": "client_credentials", "client_id": env["CLIENT_ID"], "client_secret": env["CLIENT_SECRET"]}
answer = session.post(f"https://{env['HOST']}/oauth_token.do", data=form, timeout=20)
answer.raise_for_status()
token = answer.json()["access_token"]
good, bad = incident(env["HOST"], token), incident(env["OTHER_HOST"], token)
print(f"healthy {good}, failing {bad}")
raise SystemExit(0 if (good, bad) == (200, 401) else 1)
