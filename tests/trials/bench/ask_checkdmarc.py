"""checkdmarc's MX check, without TLS, which it makes only when asked to."""

import sys

from checkdmarc.smtp import check_mx  # type: ignore[import-not-found]

for domain in sys.argv[1:]:
    result = check_mx(domain)
    addresses = sum(len(host["addresses"]) for host in result["hosts"])
    print(f"{len(result['hosts'])} hosts, {addresses} addresses, {result['warnings']}")
