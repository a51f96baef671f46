# check_dig once per lookup: bash FILE CHECK_DIG SERVER, and on standard input NAME TYPE EXPECTED
while read -r name type expected; do
  "$1" -H "$2" -l "$name" -T "$type" -a "$expected"
done
