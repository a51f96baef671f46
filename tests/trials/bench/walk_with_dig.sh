# The four steps of docs/by-hand.md for every host and address: bash FILE DOMAIN
# With "once" behind it no question is asked twice, as a person would remember the answer.
while read -r _ host; do
  for type in A AAAA; do
    for address in $(dig +short "$host" "$type"); do
      name=$(dig +short -x "$address")
      back=$address
      [ "$2" = once ] && [ "$name" = "$host" ] || back=$(dig +short "$name" "$type")
      echo "$address $name $back"
    done
  done
done < <(dig +short "$1" MX)
