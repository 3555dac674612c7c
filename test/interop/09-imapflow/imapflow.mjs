// imapflow: what its users do in a day, with COMPRESS, CONDSTORE and QRESYNC where the server offers them.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { ImapFlow } from 'imapflow';

const lab = JSON.parse(process.env.LAB);
const town = lab.servers[0];
const an = town.accounts[0];

async function connected(more = {}) {
    const client = new ImapFlow({
        host: 'localhost', port: town.ports.imaps, secure: true,
        tls: { ca: readFileSync(lab.ca) }, auth: { user: an.address, pass: an.password },
        clientInfo: { name: 'tem-interop' }, logger: false, emitLogs: false, ...more,
    });
    await client.connect();
    return client;
}

const letter = (n, body = 'hello\r\n') =>
    `From: Bob <bob@peer.example>\r\nTo: an@hanoi.example\r\nSubject: letter ${n}\r\nMessage-ID: <${n}@peer.example>\r\n\r\n${body}`;

async function collect(iterator) {
    const all = [];
    for await (const one of iterator) all.push(one);
    return all;
}

const client = await connected();
const offers = name => client.capabilities.has(name);
// What is advertised must work.
assert.equal(client._deflate !== undefined && client._deflate !== null && client._deflate !== false, offers('COMPRESS=DEFLATE'), 'COMPRESS=DEFLATE');
assert.equal(client.enabled.has('CONDSTORE'), offers('CONDSTORE'), 'CONDSTORE');
assert.ok(client.serverInfo.name, 'ID');

for (let n = 1; n <= 5; n++) {
    const done = await client.append('INBOX', letter(n, `dòng số ${n}\r\n`.repeat(200)), n === 2 ? ['\\Seen'] : []);
    assert.equal(done.uid, n);
}
const names = await client.list({ statusQuery: { messages: true, unseen: true, uidNext: true } });
assert.equal(names.find(m => m.specialUse === '\\Sent').path, 'Sent');
const inbox = names.find(m => m.path === 'INBOX');
assert.deepEqual([inbox.status.messages, inbox.status.unseen, inbox.status.uidNext], [5, 4, 6]);
await client.mailboxCreate(['Công việc', 'Tem']);
assert.ok((await client.list()).some(m => m.path === 'Công việc/Tem'));
await client.mailboxSubscribe('Công việc/Tem');

let lock = await client.getMailboxLock('INBOX');
assert.equal(client.mailbox.exists, 5);
const all = await collect(client.fetch('1:*', { uid: true, flags: true, envelope: true, bodyStructure: true, internalDate: true, size: true, headers: ['subject'], threadId: true, labels: true }));
assert.deepEqual(all.map(m => m.envelope.subject), [1, 2, 3, 4, 5].map(n => `letter ${n}`));
assert.equal(all[0].headers.toString(), 'Subject: letter 1\r\n\r\n');
assert.equal(all[0].bodyStructure.type, 'text/plain');
if (offers('CONDSTORE')) assert.ok(all.every(m => m.modseq > 0n), 'MODSEQ');
if (offers('OBJECTID')) assert.ok(all.every(m => m.emailId && m.threadId), 'OBJECTID');
const one = await client.fetchOne('3', { source: true });
assert.equal(one.source.toString(), letter(3, 'dòng số 3\r\n'.repeat(200)));
const { content } = await client.download('4', '1');
let text = '';
for await (const chunk of content) text += chunk;
assert.ok(text.startsWith('dòng số 4'), text.slice(0, 20));

assert.deepEqual(await client.search({ subject: 'letter 3' }, { uid: true }), [3]);
assert.deepEqual(await client.search({ seen: false, not: { header: { 'message-id': '<1@peer.example>' } } }), [3, 4, 5]);
assert.deepEqual(await client.search({ or: [{ body: 'dòng số 4' }, { uid: '1' }] }), [1, 4]);

// Flags: another session hears of them and, with CONDSTORE, only of what it has not.
const other = await connected({ qresync: true });
await other.mailboxOpen('INBOX');
const seen = once(other, 'flags', { signal: AbortSignal.timeout(60_000) });
await client.messageFlagsAdd('5', ['\\Flagged', '$Label1']);
await other.noop();
const [change] = await seen;
assert.equal(change.seq, 5);
assert.ok(change.flags.has('\\Flagged') && change.flags.has('$Label1'));
if (offers('CONDSTORE')) {
    const before = all.at(-1).modseq;
    const changed = await collect(client.fetch('1:*', { uid: true, flags: true }, { changedSince: before }));
    assert.deepEqual(changed.map(m => m.uid), [5], 'CHANGEDSINCE');
    assert.equal(await client.messageFlagsAdd('5', ['$Late'], { unchangedSince: before }), false, 'UNCHANGEDSINCE');
}
await client.messageFlagsRemove('5', ['$Label1']);
await client.messageFlagsSet('4', ['\\Answered']);

// IDLE: a letter appended by the other session arrives here.
const idling = client.idle();
const exists = once(client, 'exists', { signal: AbortSignal.timeout(60_000) });
await other.append('INBOX', letter(6));
const [news] = await exists;
assert.deepEqual([news.path, news.count, news.prevCount], ['INBOX', 6, 5]);

// Copy, move, expunge; the other session is told, VANISHED with QRESYNC.
const copied = await client.messageCopy('1:2', 'Công việc/Tem');
assert.equal(copied.uidMap.get(2), 2);
const moved = await client.messageMove('2:3', 'Archive');
assert.deepEqual([...moved.uidMap.entries()], [[2, 1], [3, 2]]);
assert.equal(await client.messageDelete('1', { uid: true }), true);
await idling;
const gone = [];
other.on('expunge', e => gone.push(e));
await other.noop();
assert.equal(gone.length, 3);
if (other.enabled.has('QRESYNC')) assert.deepEqual(gone.map(e => e.uid).sort(), [1, 2, 3], 'VANISHED');
else assert.equal(other.mailbox.exists, 3); // QUIRK(imapflow): it does not count VANISHED

const status = await client.status('Archive', { messages: true, recent: true, uidValidity: true, unseen: true, ...(offers('CONDSTORE') ? { highestModseq: true } : {}) });
assert.deepEqual([status.messages, status.unseen], [2, 1]);
if (offers('QUOTA')) assert.ok(await client.getQuota('INBOX'), 'QUOTA');
lock.release();
await client.mailboxRename('Công việc/Tem', 'Công việc/Xong');
await client.mailboxDelete('Công việc/Xong');
await other.logout();
await client.logout();
