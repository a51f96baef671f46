"""PTR names as hosters, providers and mail hosts have them, and what is to be said of each."""

from __future__ import annotations

from typing import NamedTuple

from reverse_mx.names import Address, Name, name_of, parse_address


class Judged(NamedTuple):
    """A name that confirms the address, what makes it generic, and what the filters score it with.

    ``why`` is "address" if it spells that, or the words, "-" if it is not generic. ``rspamd`` is
    the points of HFILTER_HOSTNAME_*, ``spamassassin`` whether RDNS_DYNAMIC is met: "yes" or "-".
    """

    text: str
    address_text: str
    why: str
    rspamd: str
    spamassassin: str

    @property
    def name(self) -> Name:
        return name_of(self.text)

    @property
    def address(self) -> Address:
        address = parse_address(self.address_text)
        assert address is not None
        return address

    @property
    def scored(self) -> bool:
        return (self.rspamd, self.spamassassin) != ("-", "-")


TABLE = """
# hosters' defaults that spell the address
static.1.2.0.192.clients.hoster.example  192.0.2.1      address        3.0 -
static.1.2.0.192.clients.example         192.0.2.1      address        3.0 -
12.ip-198-51-100.example                 198.51.100.12  address        -   yes
12.ip-198-51-100.hoster.example          198.51.100.12  address        1.0 yes
ip-198-51-100-7.compute.example.net      198.51.100.7   address        -   yes
ec2-198-51-100-7.eu-central-1.compute.cloud.example 198.51.100.7   address        -   yes
ec2-198-51-100-7.compute-1.cloud.example 198.51.100.7   address        -   yes
host198051100010.hoster.example          198.51.100.10  address        1.0 -
host-198-51-100-10.hoster.example        198.51.100.10  address        1.0 yes
198_51_100_11.hoster.example             198.51.100.11  address        1.0 yes
118.red-198-51-100.example               198.51.100.118 address        -   yes
118.red-198-51-100.dynamicip.isp.example 198.51.100.118 address        3.0 yes
118.red-198-51-100.staticip.isp.example  198.51.100.118 address        -   -
198-51-100-7.static.isp.example          198.51.100.7   address        -   -
198.51.100.7.static.isp.example          198.51.100.7   address        -   -
static-198-51-100-7.isp.example          198.51.100.7   address        -   -
static-ip-198-51-100-7.isp.example       198.51.100.7   address        -   -
7.100.51.198.in-addr.isp.example         198.51.100.7   address        2.5 yes
7.100.51.198.static.hoster.example       198.51.100.7   address        -   -
198-51-100-7.rev.cloud.example           198.51.100.7   address        -   yes
198-51-100-7.ip.hoster.example           198.51.100.7   address        -   yes
li-198-51-100-7.members.hoster.example   198.51.100.7   address        -   yes
198.51.100.7.vultr.example               198.51.100.7   address        -   yes
h198-51-100-7.rev.isp.example            198.51.100.7   address        -   yes
r198-51-100-7.ir-static.isp.example      198.51.100.7   address        -   -
c6336407.vps.hoster.example              198.51.100.7   address        -   -
0xc6336407.isp.example                   198.51.100.7   address        -   yes
pC6336407.dip.isp.example                198.51.100.7   address        -   yes
pc6336407.dip0.isp.example               198.51.100.7   address        -   -
ip-c6336407.isp.example                  198.51.100.7   address        -   -
server-198-51-100-7.da.hoster.example    198.51.100.7   address        -   yes
vps-198-51-100-7.hoster.example          198.51.100.7   address        1.0 yes
7-100-51-198.reverse.isp.example         198.51.100.7   address        -   yes
ip198.51.100.7.hoster.example            198.51.100.7   address        1.0 yes
static-customer-10.isp.example           192.0.2.25     customer       0.5 -
h-198-51-100-7.a163.priv.isp.example     198.51.100.7   address        -   yes
static.vnpt-198-51-100-7.isp.example     198.51.100.7   address        -   -
198-51-100-7.business.isp.example        198.51.100.7   address        -   yes
mail-198-51-100-7.provider.example       198.51.100.7   address        -   yes
o198-51-100-7.outbound-mail.sender.example 198.51.100.7   address        -   -
# lines that spell the address
dhcp198-51-100-7.isp.example             198.51.100.7   address        -   yes
dhcp-198-51-100-7.isp.example            198.51.100.7   address        3.0 yes
dsl-198-51-100-7.isp.example             198.51.100.7   address        2.5 yes
198-51-100-7.adsl.isp.example            198.51.100.7   address        2.5 yes
198-51-100-7.dsl.isp.example             198.51.100.7   address        2.5 yes
adsl-198-51-100-7.dsl.isp.example        198.51.100.7   address        2.5 yes
pool-198-51-100-7.region.fios.isp.example 198.51.100.7   address        2.5 yes
c-198-51-100-7.hsd1.ca.isp.example       198.51.100.7   address        -   yes
cpe-198-51-100-7.socal.res.isp.example   198.51.100.7   address        -   yes
ppp-198-51-100-7.isp.example             198.51.100.7   address        3.0 yes
7.100.51.198.dynamic.isp.example         198.51.100.7   address        3.0 yes
dynamic-198-51-100-7.isp.example         198.51.100.7   address        3.0 yes
198-51-100-7.dynamic.isp.example         198.51.100.7   address        3.0 yes
host198-51-100-7.range.isp.example       198.51.100.7   address        -   yes
host-198-51-100-7.business.telecom.example 198.51.100.7   address        1.0 yes
port-198-51-100-7.dynamic.isp.example    198.51.100.7   address        3.0 yes
ip-198-51-100-7.web.vodafone.example     198.51.100.7   address        -   yes
dslb-198-051-100-007.pools.isp.example   198.51.100.7   address        2.5 yes
x4d-198-51-100-7.dyn.isp.example         198.51.100.7   address        3.0 yes
cable-198-51-100-7.isp.example           198.51.100.7   address        2.0 yes
modemcable007.100-51-198.mc.isp.example  198.51.100.7   address        -   yes
198-51-100-7.fbx.isp.example             198.51.100.7   address        2.5 yes
abo-198-51-100-7.mrs.modulonet.example   198.51.100.7   address        -   yes
lfbn-mar-1-198-7.w198-51.abo.isp.example 198.51.100.7   -              -   -
customer-198-51-100-7.isp.example        198.51.100.7   address        0.5 yes
user-198-51-100-7.isp.example            198.51.100.7   address        0.5 yes
wifi-198-51-100-7.isp.example            198.51.100.7   address        3.0 yes
nat-198-51-100-7.isp.example             198.51.100.7   address        3.0 yes
dial-198-51-100-7.isp.example            198.51.100.7   address        -   yes
198.51.100.7.broad.xx.isp.example        198.51.100.7   address        3.0 yes
fixed-198-51-100-7.isp.example           198.51.100.7   address        -   -
2001-db8-0-0-0-0-0-25.isp.example        2001:db8::25   address        -   yes
2001-db8--25.v6.isp.example              2001:db8::25   address        -   -
dynamic-2001-db8--25.v6.isp.example      2001:db8::25   dynamic        3.0 -
5.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.v6.xyz 2001:db8::25 address - yes
# a kind of line by word, without the address
dynamic-10.pool.example.net              192.0.2.25     dynamic,pool   3.0 -
pool-10.dynamic.isp.example              192.0.2.25     pool,dynamic   3.0 yes
dyn-10.isp.example                       192.0.2.25     dyn            3.0 -
dyn-10-20.isp.example                    192.0.2.25     dyn            3.0 -
x10.dyn.isp.example                      192.0.2.25     dyn            3.0 yes
a10.dynamic.isp.example                  192.0.2.25     dynamic        3.0 yes
mail.dynamic.isp.example                 192.0.2.25     dynamic        3.0 yes
mx1.dyn.isp.example.net                  192.0.2.25     dyn            -   yes
10.dynamic.isp.example                   192.0.2.25     dynamic        3.0 yes
dynamic10.isp.example                    192.0.2.25     -              -   -
line.dynamic8510023760.isp.example       192.0.2.25     dynamic        -   yes
dynip-10.isp.example                     192.0.2.25     dynip          3.0 -
dhcp-10.isp.example                      192.0.2.25     dhcp           3.0 -
dhcp10.office.example.net                192.0.2.25     -              -   -
dhcp10-20.office.example.net             192.0.2.25     dhcp           -   yes
a10.dhcp.isp.example                     192.0.2.25     dhcp           3.0 yes
10-20.dhcp.isp.example                   192.0.2.25     dhcp           3.0 yes
pool-10.isp.example                      192.0.2.25     pool           2.5 -
a10.pool.isp.example                     192.0.2.25     pool           2.5 -
a10.pools.isp.example                    192.0.2.25     pools          2.5 -
dsl-10.isp.example                       192.0.2.25     dsl            2.5 -
dsl10.isp.example                        192.0.2.25     dsl            2.5 -
adsl-10.isp.example                      192.0.2.25     adsl           2.5 -
vdsl10.isp.example                       192.0.2.25     vdsl           2.5 -
a10.adsl.isp.example                     192.0.2.25     adsl           2.5 -
a10.vdsl.isp.example                     192.0.2.25     -              -   -
a10.xdsl.isp.example                     192.0.2.25     xdsl           2.5 -
dsl-line-10.isp.example                  192.0.2.25     dsl-line       2.5 -
ppp10.isp.example                        192.0.2.25     -              -   -
ppp-10.isp.example                       192.0.2.25     ppp            3.0 -
a10.ppp.isp.example                      192.0.2.25     ppp            3.0 -
pppoe-10.isp.example                     192.0.2.25     pppoe          3.0 -
1.pppoe.isp.example                      192.0.2.25     pppoe          3.0 -
a1.dynip.isp.example                     192.0.2.25     dynip          3.0 -
pptp-10.isp.example                      192.0.2.25     pptp           3.0 -
dialup-10.isp.example                    192.0.2.25     dialup         3.0 -
dial-up-10.isp.example                   192.0.2.25     dial-up        3.0 -
a10.dialup.isp.example                   192.0.2.25     dialup         3.0 -
a10.dial.isp.example                     192.0.2.25     -              -   -
cable-10.isp.example                     192.0.2.25     cable          2.0 -
a10.cable.isp.example                    192.0.2.25     cable          2.0 -
cablemodem-10.isp.example                192.0.2.25     cablemodem     3.0 -
modem-10.isp.example                     192.0.2.25     modem          3.0 -
a10.modem.isp.example                    192.0.2.25     modem          3.0 -
cpe-10.isp.example                       192.0.2.25     -              -   -
cpe-10-20.isp.example                    192.0.2.25     cpe            -   yes
a10.cpe.isp.example                      192.0.2.25     cpe            -   yes
cm-10-20.isp.example                     192.0.2.25     cm             -   yes
catv-10.isp.example                      192.0.2.25     catv           3.0 -
a10.docsis.isp.example                   192.0.2.25     docsis         -   yes
node10-20.isp.example                    192.0.2.25     node           -   yes
node10.rack2.example.net                 192.0.2.25     node           -   yes
node1.example.net                        192.0.2.25     -              -   -
a10.res.isp.example                      192.0.2.25     res            -   yes
a10.resnet.university.example            192.0.2.25     resnet         -   yes
mail.client.isp.example                  192.0.2.25     client         0.5 yes
client-10.isp.example                    192.0.2.25     client         3.0 -
client-1.isp.example                     192.0.2.25     -              -   -
clients.isp.example                      192.0.2.25     -              -   -
mail.clients.hoster.example              192.0.2.25     clients        0.5 -
customer-10.isp.example                  192.0.2.25     customer       0.5 -
a10.customer.isp.example                 192.0.2.25     customer       0.5 -
customer.hoster.example                  192.0.2.25     -              -   -
user-10.isp.example                      192.0.2.25     user           0.5 -
a10.user.isp.example                     192.0.2.25     user           0.5 -
peer-10.isp.example                      192.0.2.25     peer           0.5 -
broadband-10.isp.example                 192.0.2.25     broadband      3.0 -
a10.broadband.isp.example                192.0.2.25     broadband      3.0 -
a10.bredband.isp.example                 192.0.2.25     bredband       3.0 -
kabel-10.isp.example                     192.0.2.25     kabel          2.0 -
wifi-10.cafe.example.net                 192.0.2.25     wifi           3.0 -
nat-10.isp.example                       192.0.2.25     nat            3.0 -
nat10.isp.example                        192.0.2.25     -              -   -
a10.nat.isp.example                      192.0.2.25     nat            3.0 -
gprs-10.isp.example                      192.0.2.25     gprs           3.0 -
cdma-10.isp.example                      192.0.2.25     cdma           3.0 -
host-10.hoster.example                   192.0.2.25     host           1.0 -
10.host.hoster.example                   192.0.2.25     host           1.0 -
unused-addr-10.isp.example               192.0.2.25     unused-addr    2.0 -
fia83-8.dsl.isp.example                  192.0.2.25     dsl            2.5 yes
DYNAMIC-10.Pool.Example.NET              192.0.2.25     dynamic,pool   3.0 -
# hosters' defaults without the address or a word
vmi123456.hoster.example                 192.0.2.25     -              1.0 -
vmi123456.contaboserver.example          192.0.2.25     -              -   -
v2202011123456789.hoster.example         192.0.2.25     -              1.0 -
srv123456.hstgr.example                  192.0.2.25     -              -   -
vps-1a2b3c4d.vps.hoster.example          192.0.2.25     -              -   yes
ns3012345.hoster.example                 192.0.2.25     -              1.0 -
s12345.dedi.hoster.example               192.0.2.25     -              -   -
host12.hoster.example                    192.0.2.25     -              1.0 -
server1.hoster.example                   192.0.2.25     -              -   -
ubuntu-s-1vcpu-1gb-fra1-01.example.net   192.0.2.25     -              -   -
mx-a10-20.example.net                    192.0.2.25     -              -   yes
# names of mail hosts
mail.example.net                         192.0.2.25     -              -   -
mx1.example.net                          192.0.2.25     -              -   -
mail12.example.net                       192.0.2.25     -              -   -
smtp-out-3.example.net                   192.0.2.25     -              -   -
mail1-2-3.example.com                    192.0.2.25     -              -   -
mail1-2-3-4.example.com                  192.0.2.25     -              -   yes
mx-192-0-2.example.net                   192.0.2.25     -              -   -
mx-static.example.net                    192.0.2.25     -              -   -
smtp.dynamic.example.net                 192.0.2.25     dynamic        3.0 -
static.example.net                       192.0.2.25     -              -   -
mail.static.example.net                  192.0.2.25     -              -   -
mx01.hosting.example                     192.0.2.25     -              1.0 -
mx01.hosting.example.net                 192.0.2.25     -              1.0 -
mail.host.example                        192.0.2.25     -              1.0 -
mail.host.example.net                    192.0.2.25     -              1.0 -
mail-host.example.net                    192.0.2.25     -              1.0 -
mail-host-1.example.net                  192.0.2.25     -              1.0 -
host-1-mail.example.net                  192.0.2.25     -              1.0 -
mailhost.example.net                     192.0.2.25     -              -   -
mail12.nationwide.example                192.0.2.25     -              3.0 -
mail02.broadcom.example                  192.0.2.25     -              3.0 -
mail02.broadband.example                 192.0.2.25     -              3.0 -
dynamics.example.com                     192.0.2.25     -              -   -
mail.dynamics.example.com                192.0.2.25     -              -   -
mail10.dynamics.example.com              192.0.2.25     -              3.0 -
dynamic.example.com                      192.0.2.25     -              -   -
mail.dynamic.example                     192.0.2.25     -              3.0 yes
mx.dynamics.example                      192.0.2.25     -              -   -
poolparty.example.org                    192.0.2.25     -              -   -
mail-10.poolparty.example.org            192.0.2.25     -              2.5 -
mail.pool.example                        192.0.2.25     -              2.5 -
pool.example.org                         192.0.2.25     -              -   -
dslreports.example                       192.0.2.25     -              -   -
mail.dslreports.example                  192.0.2.25     -              -   -
mx10.dslreports.example                  192.0.2.25     -              2.5 -
mx.adsl.co.uk                            192.0.2.25     -              2.5 -
mx1.peering.example                      192.0.2.25     -              -   -
mail10.peerless.example                  192.0.2.25     -              0.5 -
mail10.userfriendly.example              192.0.2.25     -              0.5 -
mail10.natural.example                   192.0.2.25     -              3.0 -
mx10.natgeo.example                      192.0.2.25     -              3.0 -
mail10.pooltech.example                  192.0.2.25     -              2.5 -
mail.signature-10.example                192.0.2.25     -              -   -
mail.carpool-10.example                  192.0.2.25     -              2.5 -
senate-10.mail.example                   192.0.2.25     -              -   -
mx.donat-1.example                       192.0.2.25     -              3.0 -
mail10-20.acme.example                   192.0.2.25     -              -   -
acme10-20.mail.example                   192.0.2.25     -              -   yes
mail.resort.example.net                  192.0.2.25     -              -   -
mx10.customerdomain.example              192.0.2.25     -              0.5 -
mail10.hostmaster.example                192.0.2.25     -              1.0 -
mx2.wifion.example                       192.0.2.25     -              3.0 -
mail7.kabelwerk.example                  192.0.2.25     -              2.0 -
mx3.broadway.example                     192.0.2.25     -              3.0 -
mail2.dhcpd.example                      192.0.2.25     -              3.0 -
mail.xn--pool-10-q2a.example             192.0.2.25     -              2.5 -
shost10.mail.example                     192.0.2.25     -              -   -
"""
NAMES = [Judged(*line.split()) for line in TABLE.splitlines() if line and not line.startswith("#")]

# Where the plugin agrees with neither filter: it finds a name generic that none of them scores, or
# does not where one does.
DISAGREEMENTS = {
    "it spells its address, as hexadecimal digits or beside a word that SpamAssassin excepts": (
        "118.red-198-51-100.staticip.isp.example",
        "198-51-100-7.static.isp.example",
        "198.51.100.7.static.isp.example",
        "static-198-51-100-7.isp.example",
        "static-ip-198-51-100-7.isp.example",
        "7.100.51.198.static.hoster.example",
        "r198-51-100-7.ir-static.isp.example",
        "c6336407.vps.hoster.example",
        "pc6336407.dip0.isp.example",
        "ip-c6336407.isp.example",
        "static.vnpt-198-51-100-7.isp.example",
        "o198-51-100-7.outbound-mail.sender.example",
        "fixed-198-51-100-7.isp.example",
        "2001-db8--25.v6.isp.example",
    ),
    "the numbers alone that SpamAssassin sees are not its address": (
        "vps-1a2b3c4d.vps.hoster.example",
        "mx-a10-20.example.net",
        "mail1-2-3-4.example.com",
    ),
    "the word is what its domain is called": (
        "mail.host.example",
        "mail.dynamic.example",
        "mail.pool.example",
        "mx.adsl.co.uk",
        "mail02.broadband.example",
        "mail.xn--pool-10-q2a.example",
    ),
    "a host of any kind may be called host, if it is not one of many without another name": (
        "mail.host.example.net",
        "mail-host.example.net",
        "mail-host-1.example.net",
        "host-1-mail.example.net",
    ),
    "the word is only a part of another": (
        "vmi123456.hoster.example",
        "v2202011123456789.hoster.example",
        "ns3012345.hoster.example",
        "host12.hoster.example",
        "mx01.hosting.example",
        "mx01.hosting.example.net",
        "mail12.nationwide.example",
        "mail02.broadcom.example",
        "mail10.dynamics.example.com",
        "mail-10.poolparty.example.org",
        "mx10.dslreports.example",
        "mail10.peerless.example",
        "mail10.userfriendly.example",
        "mail10.natural.example",
        "mx10.natgeo.example",
        "mail10.pooltech.example",
        "mail.carpool-10.example",
        "mx.donat-1.example",
        "acme10-20.mail.example",
        "mx10.customerdomain.example",
        "mail10.hostmaster.example",
        "mx2.wifion.example",
        "mail7.kabelwerk.example",
        "mx3.broadway.example",
        "mail2.dhcpd.example",
    ),
}
