// SPDX-License-Identifier: Apache-2.0
#include "blindbox/attested_tls/probe_request.h"

namespace blindbox::attested_tls {
namespace {

Result<void> judge(const http::ResponseHead& head) {
  switch (head.status) {
    case 200: return {};
    case 404:
      return base::fail(ErrorKind::network, "the server runs no escape attempts", "it answered with status 404",
                        "only an image that \"blindbox build\" has wrapped runs them");
    case 429:
      return base::fail(ErrorKind::network, "the server has run the escape attempts a moment ago", "",
                        "try again in some seconds");
    case 503:
      return base::fail(ErrorKind::network, "the server could not run the escape attempts", "",
                        "the server's log says more");
    default: break;
  }
  return base::fail(ErrorKind::protocol,
                    "the server answered the request for escape attempts with status " + std::to_string(head.status));
}

}  // namespace

net::Task<Result<std::string>> request_probe(AttestedConnection& connection, Nonce nonce, net::Duration limit) {
  net::TlsStream& stream = connection.stream();
  http::ResponseReader& reader = connection.responses();
  const Bytes body = encode_challenge(nonce);
  const http::RequestHead head{"POST",
                               std::string(kProbePath),
                               {{"Host", "blindbox"}, {"Content-Type", std::string(kCbor)}},
                               {http::Framing::Kind::length, body.size()}};
  std::string text = http::write_head(head);
  text += base::as_text(body);
  stream.set_write_deadline(limit);
  net::Deadline overall(stream.executor(), [&stream] { stream.close(); });
  overall.limit(limit);
  overall.start();
  const auto failure = [&](const Error& error) {
    if (!overall.expired()) return error;
    return Error{ErrorKind::network, "no result of the escape attempts within " + std::to_string(limit.count()) + " ms",
                 "", ""};
  };
  if (auto put = co_await stream.write(base::view(text)); !put) co_return tl::unexpected<Error>(failure(put.error()));
  auto answer = co_await reader.read_head(limit);
  if (!answer) co_return tl::unexpected<Error>(failure(answer.error()));
  if (!*answer) co_return base::fail(ErrorKind::network, "the server closed without an answer");
  auto answered = co_await reader.read_whole_body(kProbeAnswerCap);
  if (!answered) co_return tl::unexpected<Error>(failure(answered.error()));
  if (auto judged = judge(**answer); !judged) co_return base::pass_on(judged);
  co_return answered;
}

}  // namespace blindbox::attested_tls
