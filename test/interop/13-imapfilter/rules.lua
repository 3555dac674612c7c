-- Filters as imapfilter's users write them.
options.timeout = 60
options.certificates = true
options.create = true
options.subscribe = true
options.expunge = true
options.range = 50

account = IMAP {
    server = 'localhost', port = $IMAPS, ssl = 'auto',
    username = '$USER', password = '$PASSWORD',
}

local all = account.INBOX:select_all()
assert(#all == 8, 'INBOX holds ' .. #all)
local unseen = account.INBOX:is_unseen()
assert(#unseen == 7, 'unseen ' .. #unseen)

account.INBOX:contain_subject('letter 1'):move_messages(account['Sorted/One'])
account.INBOX:contain_from('bob@peer.example'):is_seen():mark_flagged()
local either = account.INBOX:contain_body('special') + account.INBOX:contain_subject('letter 3')
either:copy_messages(account.Archive)
local both = account.INBOX:contain_subject('letter 4') * account.INBOX:is_unseen()
both:delete_messages()
local others = account.INBOX:select_all() - account.INBOX:contain_subject('letter')
assert(#others == 0, 'others ' .. #others)
account.INBOX:match_subject('letter [78]'):add_flags({ '$$Sorted' })
account.INBOX:is_larger(10000):move_messages(account.Junk)

local boxes = account:list_all('Sorted')
local found = false
for _, name in ipairs(boxes) do found = found or name == 'Sorted/One' end
assert(found, 'Sorted/One is not listed')
