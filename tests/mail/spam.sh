#!/usr/bin/env bash
# What SpamAssassin says of the mails by its local rules, without asking anybody: no score above 0.
# The mails with hostile texts are left out: what they hold is meant to look bad.
#
#   spam.sh MAILS
set -euo pipefail
folder=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# No user's preferences, nothing learnt, nothing asked.
printf 'use_bayes 0\nskip_rbl_checks 1\nreport_safe 0\nadd_header all Score _SCORE_\n' > "$work/prefs"
score() { spamassassin --local --test-mode --prefspath "$work/prefs" --siteconfigpath /etc/spamassassin < "$1" | sed -n 's/^X-Spam-Score: //p' | head -n 1; }

printf 'Subject: CHEAP VIAGRA\r\nFrom: a@a.example\r\nDate: never\r\n\r\nBuy viagra now!!! Dear friend, 100%% free\r\n' > "$work/spam.eml"
spam=$(score "$work/spam.eml")
awk -v s="$spam" 'BEGIN { exit !(s > 1) }' || { echo "the check finds nothing: $spam" >&2; exit 1; }

worst=-99 checked=0 bad=0
for mail in "$folder"/*.eml; do
    case $mail in *-hostile-*) continue ;; esac
    score=$(score "$mail")
    [ -n "$score" ] || { echo "$mail: no score" >&2; exit 1; }
    checked=$((checked + 1))
    if awk -v s="$score" 'BEGIN { exit !(s > 0) }'; then
        bad=$((bad + 1))
        echo "$mail: $score" >&2
        spamassassin --local --test-mode --prefspath "$work/prefs" < "$mail" | sed -n '/^X-Spam-Status/,/^[^ \t]/p' >&2
    fi
    worst=$(awk -v a="$worst" -v b="$score" 'BEGIN { print (a > b) ? a : b }')
done
echo "spamassassin: $checked mails, highest score $worst, $bad above 0"
[ "$checked" -gt 0 ] && [ "$bad" -eq 0 ]
