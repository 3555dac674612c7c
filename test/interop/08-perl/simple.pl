# Net::IMAP::Simple: counts, flags, headers, copies, folders.
use strict;
use warnings;
use JSON::PP;
use Net::IMAP::Simple;

my $lab  = decode_json($ENV{LAB});
my $town = $lab->{servers}[0];
my $binh = $town->{accounts}[1];
my $imap = Net::IMAP::Simple->new("localhost:$town->{ports}{imaps}", use_ssl => 1,
    ssl_options => [SSL_ca_file => $lab->{ca}, SSL_verify_mode => 1]) or die "connect: $Net::IMAP::Simple::errstr";

sub is { my ($got, $want, $what) = @_; $got = '' unless defined $got; die "$what: got '$got', want '$want'" if "$got" ne "$want" }
sub yes { my ($got, $what) = @_; die "$what: " . ($imap->errstr || 'failed') unless $got; return $got }

yes($imap->login($binh->{address}, $binh->{password}), 'login');
yes($imap->put('INBOX', "From: a\@b.example\r\nSubject: letter $_\r\n\r\nnumber $_\r\n", '\Flagged'), 'put') for 1 .. 5;
is($imap->select('INBOX'), 5, 'select');
my ($unseen, $recent, $all) = $imap->status('INBOX');
is("$unseen $all", '5 5', 'status');
for my $n (1 .. 5) {
    yes((grep { /^Subject: letter $n\r?\n/ } @{ $imap->top($n) }), "top $n");
    is(join('', @{ $imap->get($n) }) =~ /number $n/ ? 1 : 0, 1, "get $n");
}
is($imap->seen(1) ? 1 : 0, 1, 'seen after get');
yes($imap->unsee(1), 'unsee');
is($imap->seen(1) ? 1 : 0, 0, 'unseen again');
yes($imap->add_flags(2, '\Answered'), 'add_flags');
is(join(' ', sort $imap->msg_flags(2)) =~ /\\Answered/ ? 1 : 0, 1, 'msg_flags');
is(join(',', $imap->search_subject('letter 4')), '4', 'search');
is(join(',', $imap->search('NOT SEEN')), '1', 'search unseen');
my $sizes = $imap->list;
is(scalar(keys %$sizes), 5, 'list');
yes($imap->create_mailbox('Kept'), 'create');
yes($imap->copy(3, 'Kept'), 'copy');
yes($imap->delete(3), 'delete');
yes($imap->deleted(3), 'deleted');
yes(defined $imap->expunge_mailbox, 'expunge');
is($imap->select('INBOX'), 4, 'after expunge');
yes((grep { $_ eq 'Kept' } $imap->mailboxes), 'mailboxes');
yes($imap->rename_mailbox('Kept', 'Kept for good'), 'rename');
is($imap->select('Kept for good'), 1, 'select');
yes($imap->noop, 'noop');
yes($imap->quit, 'quit');
