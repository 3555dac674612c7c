"""A letter to somebody whom the other server does not know comes back as a report (RFC 3464)."""
import email
import smtplib

from lab import AN, HANOI, PATIENCE, SAIGON, letter_with, port

ghost = f"ghost@{SAIGON['domain']}"
s = smtplib.SMTP(HANOI["address"], port(HANOI, "submission"), timeout=PATIENCE)
s.login(AN["address"], AN["password"])
s.sendmail(AN["address"], [ghost], f"From: {AN['address']}\r\nTo: {ghost}\r\nSubject: are you there\r\n\r\nhello\r\n")
s.quit()
text = letter_with(HANOI, AN, [ghost, "multipart/report", "are you there"])
m = email.message_from_string(text)
assert m["Return-Path"] == "<>", m["Return-Path"]
assert m.get_content_type() == "multipart/report" and m.get_param("report-type") == "delivery-status"
status = next(p for p in m.walk() if p.get_content_type() == "message/delivery-status")
whole = status.as_string()
assert "Action: failed" in whole and "Status: 5." in whole, whole
assert f"Final-Recipient: rfc822; {ghost}".lower().replace(" ", "") in whole.lower().replace(" ", ""), whole

# A local one is refused at once.
s = smtplib.SMTP(HANOI["address"], port(HANOI, "submission"), timeout=PATIENCE)
s.login(AN["address"], AN["password"])
try:
    s.sendmail(AN["address"], [f"ghost@{HANOI['domain']}"], "Subject: x\r\n\r\nx\r\n")
    raise AssertionError("taken")
except smtplib.SMTPRecipientsRefused as e:
    assert [code for code, _ in e.recipients.values()] == [550], e.recipients
s.quit()
