"""A group and an alias made on the running server; Figure 2's stu.all is a group."""
import smtplib
import tempfile

from lab import AN, BINH, CHI, HANOI, PATIENCE, SAIGON, data, letter_with, pop_texts, port, tem

group, alias = f"stu.all@{HANOI['domain']}", f"info@{HANOI['domain']}"
tem("group", "add", "--data", data(HANOI), group, AN["address"], BINH["address"], CHI["address"])
tem("alias", "add", "--data", data(HANOI), alias, BINH["address"])
assert group in tem("group", "list", "--data", data(HANOI))

s = smtplib.SMTP(HANOI["address"], port(HANOI, "submission"), timeout=PATIENCE)
s.login(AN["address"], AN["password"])
s.sendmail(AN["address"], [group], f"From: {AN['address']}\r\nTo: {group}\r\nSubject: to all\r\n\r\nto the group\r\n")
s.sendmail(AN["address"], [alias, BINH["address"]], f"From: {AN['address']}\r\nSubject: to info\r\n\r\nto the alias\r\n")
s.quit()
for server, who in ((HANOI, AN), (HANOI, BINH), (SAIGON, CHI)):
    letter_with(server, who, ["to the group"])
letter_with(HANOI, BINH, ["to the alias"])
assert sum("to the alias" in t for t in pop_texts(HANOI, BINH)) == 1, "one letter for each person"

# Somebody who joins while the server runs.
with tempfile.NamedTemporaryFile("w", suffix=".txt") as f:
    f.write("first-word-here\n")
    f.flush()
    tem("account", "add", "--data", data(HANOI), f"em@{HANOI['domain']}", "--password-file", f.name)
new = {"address": f"em@{HANOI['domain']}", "password": "first-word-here"}
assert pop_texts(HANOI, new) == []
