// SPDX-License-Identifier: Apache-2.0
#include "blindbox/emulator/key_distribution.h"

#include <openssl/pem.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <charconv>
#include <map>
#include <optional>
#include <thread>

#include "blindbox/emulator/internal/certificates.h"
#include "blindbox/emulator/internal/must.h"
#include "blindbox/http/server.h"

namespace blindbox::emulator {
namespace {

namespace asio = net::asio;
using std::chrono::hours;

constexpr const char* kDer = "application/x-x509-ca-cert";

http::Response say(unsigned status, std::string content_type, std::string body) {
  return {status, std::move(content_type), std::move(body), {{"Server", internal::kComment}}};
}

http::Response refuse(unsigned status, const std::string& why) {
  return say(status, "text/plain", std::string(internal::kComment) + ": " + why + "\n");
}

std::string to_pem(ByteView der) {
  const openssl::Bio bio(internal::must_have(BIO_new(BIO_s_mem()), "make a buffer"));
  internal::must(PEM_write_bio(bio.get(), "CERTIFICATE", "", base::uchars(der), static_cast<long>(der.size())) > 0,
                 "encode PEM");
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  while (true) {
    const auto end = text.find(at);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// Every level once, as a decimal of one byte, and nothing else.
std::optional<Tcb> read_tcb(std::string_view query, Product product) {
  Tcb tcb;
  std::map<std::string, std::uint8_t*> expected = {
      {"blSPL", &tcb.bootloader}, {"teeSPL", &tcb.tee}, {"snpSPL", &tcb.snp}, {"ucodeSPL", &tcb.microcode}};
  if (product == Product::turin) expected["fmcSPL"] = &tcb.fmc;
  for (const std::string& pair : split(query, '&')) {
    const auto equals = pair.find('=');
    if (equals == std::string::npos) return std::nullopt;
    const auto slot = expected.find(pair.substr(0, equals));
    if (slot == expected.end()) return std::nullopt;
    const char* const last = pair.data() + pair.size();
    const auto [end, error] = std::from_chars(pair.data() + equals + 1, last, *slot->second);
    if (error != std::errc{} || end != last) return std::nullopt;
    expected.erase(slot);
  }
  return expected.empty() ? std::optional(tcb) : std::nullopt;
}

http::Response answer_vcek(const SecurityProcessor& processor, Product product, const std::string& chip,
                           std::string_view query) {
  const ByteArray<64> id = processor.chip_id(product);
  const auto size = std::size_t{product == Product::turin ? 8U : 64U};
  if (chip != base::to_hex(ByteView(id).first(size))) return refuse(404, "no such chip");
  Guest guest{.product = product};
  guest.certificate_tcb = read_tcb(query, product);
  if (!guest.certificate_tcb) return refuse(400, "not a TCB of this product");
  return say(200, kDer, std::string(base::as_text(processor.certificates(guest).front())));
}

http::Response answer_chain(const SecurityProcessor& processor, Product product, SigningKey kind) {
  const auto chain = processor.certificates(Guest{.product = product, .signing_key = kind});
  return say(200, "application/x-pem-file", to_pem(chain.at(1)) + to_pem(chain.at(2)));
}

http::Response answer_crl(const SecurityProcessor& processor, Product product,
                          const std::vector<std::uint64_t>& revoked) {
  const base::Time now = base::now();
  const Bytes crl = processor.crl(product, revoked, now - hours(1), now + hours(30 * 24));
  return say(200, "application/pkix-crl", std::string(base::as_text(crl)));
}

}  // namespace

http::Response answer_key_request(const SecurityProcessor& processor, const std::vector<std::uint64_t>& revoked,
                                  const http::Request& request) {
  if (request.method != "GET") return refuse(405, "GET alone");
  const auto mark = std::min(request.target.find('?'), request.target.size());
  const auto path = split(std::string_view(request.target).substr(0, mark), '/');
  const std::string_view query = std::string_view(request.target).substr(std::min(mark + 1, request.target.size()));
  if (path.size() != 5 || (path[1] != "vcek" && path[1] != "vlek") || path[2] != "v1")
    return refuse(404, "no such path");
  const auto product = evidence::sev_snp::product_from_name(path[3]);
  if (!product) return refuse(404, "no such product");
  const SigningKey kind = path[1] == "vlek" ? SigningKey::vlek : SigningKey::vcek;
  if (path[4] == "cert_chain") return answer_chain(processor, *product, kind);
  if (path[4] == "crl") return answer_crl(processor, *product, revoked);
  if (kind == SigningKey::vlek) return refuse(404, "VLEKs are for cloud providers");
  return answer_vcek(processor, *product, path[4], query);
}

struct KeyDistribution::State {
  asio::io_context loop;
  asio::executor_work_guard<asio::io_context::executor_type> work{loop.get_executor()};
  std::string url;
  std::optional<http::Server> server;
  std::thread thread;
};

KeyDistribution::KeyDistribution(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<KeyDistribution>> KeyDistribution::start(std::shared_ptr<const SecurityProcessor> processor,
                                                                KeyDistributionOptions options) {
  net::error_code error;
  const auto address = asio::ip::make_address(options.at.host, error);
  if (options.at.host != "localhost" && (error || !address.is_loopback())) {
    return base::fail(ErrorKind::usage, "the emulated key distribution listens on loopback only: " + options.at.text());
  }
  auto state = std::make_unique<State>();
  auto acceptor = net::listen_tcp(state->loop.get_executor(), options.at);
  if (!acceptor) return base::pass_on(acceptor);
  state->server.emplace(state->loop.get_executor(), acceptor->release(),
                        [processor = std::move(processor), revoked = std::move(options.revoked)](
                            const http::Request& request, http::ResponseSink& sink, const std::stop_token&) {
                          sink.respond(answer_key_request(*processor, revoked, request));
                        });
  state->url = "http://" + net::HostPort{options.at.host, state->server->port()}.text();
  state->server->start();
  state->thread = std::thread([loop = &state->loop] { loop->run(); });
  return std::unique_ptr<KeyDistribution>(new KeyDistribution(std::move(state)));
}

KeyDistribution::~KeyDistribution() {
  state_->loop.stop();
  state_->thread.join();
  state_->server.reset();
}

const std::string& KeyDistribution::url() const { return state_->url; }

}  // namespace blindbox::emulator
