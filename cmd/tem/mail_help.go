package main

import "strings"

// examples is what --help shows below a verb's options.
func examples(lines ...string) string {
	return "Examples:\n  tem mail " + strings.Join(lines, "\n  tem mail ")
}

func (mailSetup) Help() string {
	return examples("setup you@gmail.com", "setup an@hanoi.example   (of a running localserve)",
		"setup me@example.org --imap imap.example.org:993 --smtp smtp.example.org:587 --password-command 'pass mail'")
}

func (mailAccounts) Help() string { return examples("accounts", "accounts --json") }

func (mailList) Help() string { return examples("list --unseen", "list Sent -n 10", "list --json") }

func (mailRead) Help() string { return examples("read @last", "read 3,5-7 --peek") }

func (mailSearch) Help() string {
	return examples("search from:lan since:2026-11-01 unseen", "search 'subject:\"báo cáo\"'")
}

func (mailWrite) Help() string {
	return examples("write   (opens $EDITOR)", "write --to binh@saigon.example --subject Hi --body Hello --attach report.pdf") +
		"\n  echo Hello | tem mail write --to binh@saigon.example --subject Hi"
}

func (draftList) Help() string { return examples("draft list", "draft list --json") }

func (draftEdit) Help() string { return examples("draft edit 20261123-101500.000") }

func (draftSend) Help() string {
	return examples("draft send 20261123-101500.000") + "\n\nA letter that some were refused is kept for those only; sending it again reaches them and nobody else."
}

func (mailReply) Help() string { return examples("reply 7 --all", "reply @last --body 'Thank you.'") }

func (mailForward) Help() string {
	return examples("forward 7 --to an@hanoi.example --body 'For you.'", "forward @last --draft")
}

func (mailSave) Help() string { return examples("save 7 --dir ~/Downloads", "save @last --part 2") }

func (mailMove) Help() string { return examples("move 1,3-5 Archive", "-f Archive move 2 INBOX") }

func (mailFlag) Help() string { return examples("flag 7 +flagged -seen", "--json flag 1-3 +seen") }

func (mailDelete) Help() string { return examples("delete 7", "delete 1,3-5 --forever") }

func (mailFolders) Help() string { return examples("folders", "folders --json") }

func (mailWatch) Help() string {
	return examples("watch", "watch --exec 'notify-send \"$TEM_FROM\" \"$TEM_SUBJECT\"'")
}

func (mailPop) Help() string {
	return examples("pop --mbox inbox.mbox", "pop --maildir ~/Mail --delete")
}

func (mailSource) Help() string {
	return examples("source @last", "source 7 --lang vi", "source 7 --raw > letter.eml")
}
