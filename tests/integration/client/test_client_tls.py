"""``wss:``: whom the client trusts (C38, C39)."""
from __future__ import absolute_import, division, print_function

import os
import ssl
import tempfile

from peers import async_test, until
from raw_server import NETWORK_ERRORS, ClientCase, fails
from tornado import gen
from tornado.httpclient import HTTPRequest
from wire import RawPeer, frame

LOCALHOST = "localhost"  # the only name in the server's certificate


class TLSTest(ClientCase):
    tls = True

    def setUp(self):
        super(TLSTest, self).setUp()
        self.certificates = None

    def tearDown(self):
        if self.certificates:
            os.remove(self.certificates)
        super(TLSTest, self).tearDown()

    @gen.coroutine
    def fetch_certificate(self):
        """Return a file with the server's certificate, which is nobody else's."""
        peer = yield RawPeer.connect(self.server.port, tls=True)
        accepted = yield self.server.accept()
        pem = ssl.DER_cert_to_PEM_cert(peer.stream.socket.getpeercert(True))
        peer.close()
        accepted.close()
        handle, self.certificates = tempfile.mkstemp(".pem")
        os.write(handle, pem.encode("ascii"))
        os.close(handle)
        raise gen.Return(self.certificates)

    @gen.coroutine
    def check_refused(self, request):
        """The Future fails with a network error; the server gets no byte of the handshake.

        How loudly Tornado and asyncio speak of that in their logs is their own.
        """
        future = self.start(request)
        peer = yield self.server.accept()
        error = yield fails(future)
        self.assertIsInstance(error, NETWORK_ERRORS + (ssl.CertificateError,))
        self.assertEqual((yield peer.read_rest()), b"")
        self.claim_logs("tornado.general")
        self.log.entries = [entry for entry in self.log.entries
                            if "CertificateError" not in str(entry.traceback)]

    @async_test
    def test_messages(self):
        """C38: the options of the request are used; frames go both ways over TLS."""
        conn, peer = yield self.open(HTTPRequest(self.server_url(), validate_cert=False))
        self.assertEqual(peer.request[1]["Host"], "127.0.0.1:%d" % self.server.port)
        peer.send(frame(0x81, b"x" * 100000, None))
        self.assertEqual((yield conn.read_message()), u"x" * 100000)
        conn.write_message(b"y" * 100000, binary=True)
        self.assertEqual((yield peer.read_frame()), (0x82, b"y" * 100000))

    @async_test
    def test_frames_with_the_101(self):
        """C41: also where TLS has more bytes than the socket shows."""
        conn, _ = yield self.open(HTTPRequest(self.server_url(), validate_cert=False),
                                  after=b"".join(frame(0x81, b"x", None) for _ in range(3)))
        messages = yield [conn.read_message() for _ in range(3)]
        self.assertEqual(messages, [u"x"] * 3)

    @async_test
    def test_ca_certs(self):
        """C38: ``ca_certs`` of the request says whom to trust."""
        path = yield self.fetch_certificate()
        request = HTTPRequest(self.server_url(host=LOCALHOST), ca_certs=path)
        conn, peer = yield self.open(request)
        conn.write_message(u"x")
        self.assertEqual((yield peer.read_frame()), (0x81, b"x"))

    @async_test
    def test_a_client_certificate_that_is_not_there(self):
        """C39: the attempt fails at once, and says why."""
        error = yield fails(self.start(HTTPRequest(
            self.server_url(), validate_cert=False, client_cert=os.devnull)))
        self.assertIsInstance(error, EnvironmentError)

    @async_test
    def test_ssl_options(self):
        """C38: so does a context in ``ssl_options``."""
        path = yield self.fetch_certificate()
        context = ssl.create_default_context(cafile=path)
        request = HTTPRequest(self.server_url(host=LOCALHOST), ssl_options=context)
        conn, peer = yield self.open(request)
        conn.write_message(u"x")
        self.assertEqual((yield peer.read_frame()), (0x81, b"x"))

    @async_test
    def test_wrong_host(self):
        """C38, RFC 6455 section 11.1.2: a certificate for another name is refused."""
        path = yield self.fetch_certificate()
        yield self.check_refused(HTTPRequest(self.server_url(), ca_certs=path))

    @async_test
    def test_unknown_authority(self):
        """C38: nobody vouches for the certificate."""
        yield self.check_refused(HTTPRequest(self.server_url(host=LOCALHOST)))

    @async_test
    def test_url_alone(self):
        """C38: a URL has no options that could switch the check off."""
        yield self.check_refused(self.server_url(host=LOCALHOST))

    @async_test
    def test_close(self):
        """C24: the closing handshake ends TLS too."""
        conn, peer = yield self.open(HTTPRequest(self.server_url(), validate_cert=False))
        conn.close(1001, u"bye")
        self.assertEqual((yield peer.read_frame()), (0x88, b"\x03\xe9bye"))
        peer.send(frame(0x88, b"\x03\xe9", None))
        self.assertEqual((yield conn.read_message()), None)
        self.assertEqual(conn.close_code, 1001)
        self.assertEqual((yield peer.read_rest()), b"")


class PlainServerTest(ClientCase):
    @async_test
    def test_the_server_speaks_no_tls(self):
        """C39: a plain server behind ``wss:`` is a network error."""
        future = self.start("wss://127.0.0.1:%d/" % self.server.port)
        peer = yield self.server.accept()
        yield peer.read(5)
        peer.stream.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        error = yield fails(future)
        self.assertIsInstance(error, NETWORK_ERRORS)
        self.claim_logs("tornado.general", "SSL")


class TLSServerTest(ClientCase):
    tls = True

    @async_test
    def test_the_client_speaks_no_tls(self):
        """C39: a TLS server behind ``ws:`` is a network error."""
        future = self.start("ws://127.0.0.1:%d/" % self.server.port)
        yield self.server.accept()
        error = yield fails(future)
        self.assertIsInstance(error, NETWORK_ERRORS)
        yield until(lambda: self.log.entries)
        self.claim_logs("tornado.general", "SSL")
