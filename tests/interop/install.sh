#!/bin/sh
# Installs the foreign peers of tests/interop on Debian or Ubuntu: MIT's KDC, gss-ntlmssp, Apache's server with
# mod_auth_gssapi, tinyproxy and microsocks, curl, libfaketime, and in .venv of the repository pyspnego, pypsrp and pywinrm. For
# the program's own tests, Ansible's reader of inventories, a browser, shells, readers of manual pages, systemd's
# reader of units and Prometheus' reader of metrics; for its packages what builds and judges them, and what makes a
# small Debian. Safe to run again.
#
# apache2-bin and tinyproxy-bin are the programs without the services that the full packages would start.
set -eu

cd "$(dirname "$0")/../.."

packages="gss-ntlmssp krb5-kdc krb5-admin-server krb5-user libgssapi-krb5-2 libkrb5-dev gcc python3-dev python3-venv
    apache2-bin libapache2-mod-auth-gssapi tinyproxy-bin microsocks openssl curl ansible-core fonts-dejavu-core systemd
    zsh fish man-db mandoc less binutils dpkg-dev iproute2 lintian mmdebstrap rpm libfaketime"
# Where another build of the browser is there already, as on Ubuntu, whose packages have none, it will do.
command -v chromium >/dev/null || command -v google-chrome >/dev/null || packages="$packages chromium"
missing=""
for package in $packages; do
    dpkg-query --show --showformat '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
if [ -n "$missing" ]; then
    as_root=""
    [ "$(id -u)" -eq 0 ] || as_root="sudo"
    $as_root apt-get update
    # shellcheck disable=SC2086 # the list is to be split
    DEBIAN_FRONTEND=noninteractive $as_root apt-get install --yes --no-install-recommends $missing
fi

[ -x .venv/bin/python ] || python3 -m venv .venv
peers='import spnego, gssapi, pypsrp.wsman, winrm.transport, junitparser, prometheus_client.parser'
.venv/bin/python -c "$peers" 2>/dev/null ||
    .venv/bin/pip install --quiet 'pyspnego[kerberos]==0.12.*' 'pypsrp==0.9.1' 'pywinrm==0.5.0' \
        'junitparser==5.0.*' 'prometheus_client==0.26.*'
.venv/bin/python -c "$peers"
echo "peers are installed"
