"""The rooms of check_reverse_mx, from the ground up; each imports only what stands above its line.

process       signals, timers, the one write, the exit
names         domain names, host names, reverse names, kinds of address
text          what makes text of names, octets and numbers, safe to print
loop          promises, and the chains that wait for them
answer        question, outcome, answer; how a message is read
exchange      one question to one server, over UDP and TCP
lookups       which server is asked when, and each question once
facts         what was learnt, frozen, without prose or verdict
spf_record    the grammar of an SPF record
spf           the walk through SPF records
zone_servers  who is in charge of a name, and what they say themselves
smtp          how SMTP servers greet
walk          domain -> hosts -> addresses -> PTR names and back, within bounds
findings      the vocabulary: what can be wrong, and how bad that is
advice        cures and causes, from facts
report        the status line and the long output
options       the parser, and the types of its arguments

The plugin itself, ``check_reverse_mx``, stands above all of them.
"""
