"""A letter goes from one server to the other, Vietnamese and attachment whole."""
import email
import email.policy
import smtplib
from email.message import EmailMessage

from lab import AN, CHI, HANOI, PATIENCE, SAIGON, context, letter_with, port

m = EmailMessage()
m["From"], m["To"] = f"Nguyễn Văn An <{AN['address']}>", CHI["address"]
m["Subject"] = "Khảo sát ý kiến sinh viên về môn học"
m.set_content("Chào chị,\n.\n..\nHẹn gặp lại.\n")
octets = bytes(range(256)) * 300
m.add_attachment(octets, maintype="application", subtype="octet-stream", filename="khảo sát.bin")

s = smtplib.SMTP("localhost", port(HANOI, "submission"), timeout=PATIENCE)
s.starttls(context=context())
s.login(AN["address"], AN["password"])
assert s.send_message(m) == {}
s.quit()

text = letter_with(SAIGON, CHI, ["Return-Path: <" + AN["address"] + ">", "kh"])
got = email.message_from_bytes(text.encode(), policy=email.policy.default)
assert got["Subject"] == m["Subject"], got["Subject"]
assert len(got.get_all("Received")) == 2, got.get_all("Received")
assert HANOI["hostname"] in got.get_all("Received")[0] and SAIGON["hostname"] in got.get_all("Received")[0]
body = got.get_body().get_content()
assert body == "Chào chị,\n.\n..\nHẹn gặp lại.\n", body
attached = next(got.iter_attachments())
assert attached.get_filename() == "khảo sát.bin" and attached.get_content() == octets
