# Mail::IMAPClient: folders, append, search, flags, copies, moves, parts and IDLE.
use strict;
use warnings;
use JSON::PP;
use Mail::IMAPClient;

my $lab  = decode_json($ENV{LAB});
my $town = $lab->{servers}[0];
my $an   = $town->{accounts}[0];

sub connected {
    my $imap = Mail::IMAPClient->new(
        Server   => 'localhost', Port => $town->{ports}{imaps},
        Ssl      => [SSL_ca_file => $lab->{ca}, SSL_verify_mode => 1, SSL_verifycn_scheme => 'imap'],
        User     => $an->{address}, Password => $an->{password}, Uid => 1, @_,
    ) or die "connect: $@";
    return $imap;
}

sub is { my ($got, $want, $what) = @_; $got = '' unless defined $got; die "$what: got '$got', want '$want'" if "$got" ne "$want" }
sub yes { my ($got, $what, $imap) = @_; die "$what: " . ($imap ? $imap->LastError || $@ : $@) unless $got; return $got }

my $imap = connected();
yes($imap->has_capability($_), "capability $_") for qw(IDLE UIDPLUS NAMESPACE MOVE ID);
is($imap->separator, '/', 'separator');
yes($imap->tag_and_run('ID ("name" "Mail::IMAPClient")'), 'ID', $imap);

for my $n (1 .. 4) {
    my $text = "From: bob\@peer.example\r\nSubject: letter $n\r\nMessage-ID: <$n\@peer.example>\r\n\r\nsố $n\r\n.\r\n";
    my $uid = yes($imap->append_string('INBOX', $text, ($n == 2 ? '\Seen' : undef), undef), "append $n", $imap);
    is($uid, $n, 'APPENDUID');
}
yes($imap->create('Projects/Tem'), 'create', $imap);
yes($imap->exists('Projects/Tem'), 'exists', $imap);
yes((grep { $_ eq 'Projects/Tem' } $imap->folders), 'folders');
is($imap->message_count('INBOX'), 4, 'message_count');
is($imap->unseen_count('INBOX'), 3, 'unseen_count');
yes($imap->select('INBOX'), 'select', $imap);
is("@{[$imap->search('SUBJECT', 'letter 3')]}", '3', 'search');
is("@{[$imap->unseen]}", '1 3 4', 'unseen');
is("@{[$imap->seen]}", '2', 'seen');
is("@{[$imap->search('NOT', 'HEADER', 'Message-ID', '<1@peer.example>')]}", '2 3 4', 'search NOT');

is($imap->subject(3), 'letter 3', 'subject');
my $headers = $imap->parse_headers([1 .. 4], 'Subject', 'Message-ID');
is($headers->{4}{'Message-ID'}[0], '<4@peer.example>', 'parse_headers');
yes(index($imap->message_string(1), ".\r\n") >= 0, 'message_string');
is(length $imap->message_string(1), $imap->size(1), 'size');
is($imap->body_string(4), "s\xe1\xbb\x91 4\r\n.\r\n", 'body_string');
my $structure = yes($imap->get_bodystructure(1), 'BODYSTRUCTURE', $imap);
is(lc $structure->bodytype, 'text', 'bodytype');
my $envelope = yes($imap->get_envelope(1), 'ENVELOPE', $imap);
is($envelope->subject, 'letter 1', 'envelope');
my $flags = $imap->flags([1 .. 4]);
yes((grep { $_ eq '\Seen' } @{ $flags->{2} }), 'flags');

yes($imap->set_flag('\Flagged', 1, 3), 'set_flag', $imap);
is("@{[$imap->search('FLAGGED')]}", '1 3', 'flagged');
yes($imap->unset_flag('\Flagged', 3), 'unset_flag', $imap);
is("@{[$imap->search('FLAGGED')]}", '1', 'flagged');
is($imap->copy('Projects/Tem', 1, 2), '1,2', 'copy gives the UIDs there');
is($imap->move('Projects/Tem', 3), '3', 'move');
yes($imap->delete_message(4), 'delete_message', $imap);
yes($imap->uidexpunge('3:4'), 'uidexpunge', $imap);
is("@{[$imap->messages]}", '1 2', 'messages');
yes($imap->rename('Projects/Tem', 'Projects/Old "quoted\\'), 'rename', $imap);
is($imap->message_count('Projects/Old "quoted\\'), 3, 'a name that needs escapes');

# IDLE hears of what another session appends.
my $tag = yes($imap->idle, 'idle', $imap);
my $other = connected();
yes($other->append_string('INBOX', "Subject: five\r\n\r\nx\r\n"), 'append', $other);
my @heard = $imap->idle_data(20);
yes((grep { /^\* 3 EXISTS/ } @heard), "heard @heard");
yes($imap->done($tag), 'done', $imap);
is($imap->noop ? 1 : 0, 1, 'noop');
yes($other->logout, 'logout', $other);
yes($imap->close, 'close', $imap);
yes($imap->delete('Projects/Old "quoted\\'), 'delete', $imap);
yes($imap->logout, 'logout', $imap);
