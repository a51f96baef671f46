"""The rooms of check_reverse_mx, from the ground up: each imports only from those above its line.

gate            what every output passes: nothing raw, nothing endless
process         signals, timers, the one write, the exit
names           domain names, host names, reverse names
addresses       what an IP address is to mail: public, private, translated, of no use
filters         what Rspamd and SpamAssassin score in the name of a client
generic         why a PTR name is generic: it spells its address, or says what line it is
values          the base of frozen values
text            what makes text of names, octets and numbers, safe to print
loop            promises, the chains that wait for them, sockets, timers, the clock
lines           which domain a lookup is charged to: whose turn it is, and its share
message         the wire format: a question composed, a message and its EDE read within bounds
answer          what a message says to a question: outcome, failure, remarks; who asked (edge); pure
exchange        one question to one server, over UDP and TCP
lookups         which server is asked when, and each question once
spf_record      the grammar of an SPF record, and what can be said of one
spf_mending     what the owner of an SPF record meant to say, from its text alone
smtp_reply      the greeting of an SMTP server, read within bounds; pure
zone_facts      what was learnt of a zone: its name servers, what each says, how it is delegated
facts           what was learnt of a domain, hosts, SPF: frozen values, no prose, no verdict
spf             the walk through SPF records
zone_servers    who is in charge of a name, and what they say themselves
smtp            how SMTP servers greet, on the same loop
iprevs          address -> PTR names and back (iprev, RFC 8601), once in a run, within bounds
walk            domain -> mail hosts, SPF -> addresses, and from there back
wording         phrases for what was learnt: what a server answered, what a code is called
findings        the vocabulary: what can be wrong, how bad that is, what receivers do; Problem
measures        what is timed and counted of a run, for the performance data
sentences       a sentence for each problem, of those phrases
causes          what is behind a failed lookup, from what others say; what a problem rests on
spf_cures       whose SPF record is to be mended, and what it should say
cure            what a cure is: what to do with which record, and whose zone that is in
server_cures    what mends a name server or an SMTP server
mx_cures        what mends MX records and the addresses of mail hosts
ptr_cures       what mends the names of an address: PTR, EHLO, greeting
cures           from a problem's facts to its cures, in view of all that a run found
receivers       what receivers do about a problem, in view of all that was found of its address
advice_wording  cures, causes and what receivers do, in words
advice          whose zone a cure is in, what is behind a failed lookup, what receivers do meanwhile
plain_facts     facts as plain values, for JSON
progress        how far a long run is, on a terminal
status          the status line: the problems of all results, worst first, each once
report          the long output: the problems with the advice on them, the chain, the lookups
document        the JSON document: a result for each domain, from the values of the report
arguments       the types of the arguments, and what is said of a wrong value
options         the parser: which options there are, and where their arguments come from

Above them stands the plugin itself, ``check_reverse_mx``: the Resource, the Contexts, ``main``.

Data goes one way: argv -> options -> walk (asks lookups, spf, zone_servers, smtp) -> facts -> the
Resource's metrics -> the Contexts' problems -> cures, advice -> status, report -> process writes.
"""
