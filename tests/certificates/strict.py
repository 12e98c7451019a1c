"""One GET by Python's own ssl with the flags that Python 3.13 sets by default: strict.py PROXY_HOST PROXY_PORT CA HOST"""

import http.client
import ssl
import sys

proxy, port, ca, host = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
connection = http.client.HTTPSConnection(proxy, int(port), context=context, timeout=20)
connection.set_tunnel(host, 443)
connection.request("GET", "/login.do", headers={"Host": host})
print(connection.getresponse().status)
