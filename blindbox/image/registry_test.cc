// SPDX-License-Identifier: Apache-2.0
// A registry that says and does whatever a test wants, on a loopback port, and what the client makes of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <mutex>
#include <thread>

#include "blindbox/fetch/url.h"
#include "blindbox/http/message_reader.h"
#include "blindbox/image/internal/challenge.h"
#include "blindbox/image/testing.h"
#include "blindbox/net/sessions.h"
#include "blindbox/net/socket_stream.h"

namespace blindbox::image {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using testing::tar;
using Json = nlohmann::json;

// What is sent in answer to one request; nothing more comes afterwards, and the connection closes unless it stalls.
struct Reply {
  std::string bytes;
  bool stall = false;
};
struct Heard {
  std::string method, target, authorization, range, body;
};
using Script = std::function<Reply(const Heard&)>;

std::string answer(unsigned status, const std::string& body, const std::string& fields = "") {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         fields + "Connection: close\r\n\r\n" + body;
}

class FakeRegistry {
 public:
  explicit FakeRegistry(Script script)
      : script_(std::move(script)),
        sessions_(net::listen_tcp(loop_.get_executor(), {"127.0.0.1", 0}).value(), 50,
                  [this](net::Socket socket, net::Session& session) { return serve(std::move(socket), session); }) {
    sessions_.start();
    port_ = sessions_.port();
    thread_ = std::thread([this] { loop_.run(); });
  }
  FakeRegistry(const FakeRegistry&) = delete;
  FakeRegistry& operator=(const FakeRegistry&) = delete;
  ~FakeRegistry() {
    loop_.stop();
    thread_.join();
  }
  [[nodiscard]] std::string host() const { return "127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] std::vector<Heard> heard() {
    const std::lock_guard lock(mutex_);
    return heard_;
  }

 private:
  net::Task<void> serve(net::Socket socket, net::Session& session) {
    net::SocketStream stream(std::move(socket));
    session.own(stream);
    http::RequestReader reader(stream);
    auto head = co_await reader.read_head(std::chrono::seconds(20));
    if (!head || !*head) co_return;
    auto body = co_await reader.read_whole_body(std::size_t{64} << 20);
    if (!body) co_return;
    const auto field = [&](const char* name) {
      return std::string(http::find_field((*head)->fields, name).value_or(""));
    };
    Heard heard{(*head)->method, (*head)->target, field("authorization"), field("range"), std::move(*body)};
    Reply reply = script_(heard);
    {
      const std::lock_guard lock(mutex_);
      heard_.push_back(std::move(heard));
    }
    (void)co_await stream.write(base::view(reply.bytes));
    if (reply.stall) co_await reader.wait_for_end();
    co_await stream.shut_down();
  }

  Script script_;
  boost::asio::io_context loop_;
  net::Sessions sessions_;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  std::vector<Heard> heard_;
  std::thread thread_;
};

class RegistryTest : public ::testing::Test {
 protected:
  RegistryTest() {
    // Whoever runs the tests may have logged in somewhere.
    for (const char* name : {"HOME", "DOCKER_CONFIG", "XDG_RUNTIME_DIR"}) ::setenv(name, folder_.path().c_str(), 1);
    ::unsetenv("REGISTRY_AUTH_FILE");
    layer_ = tar({{{.name = "f"}, std::string(50000, 'x')}});
    memory_.add_layer(layer_, layer_);
    image_ = memory_.image();
    access_.plain_http_on_loopback = true;
    access_.limits.stall = access_.limits.answer = std::chrono::milliseconds(400);
    access_.limits.first_backoff = std::chrono::milliseconds(1);
    access_.limits.attempts = 3;
    access_.download_folder = folder_ / "downloads";
  }
  // An honest registry of that image.
  Reply honest(const Heard& heard) const {
    if (heard.target == "/v2/app/manifests/1") return {answer(200, image_->manifest_json)};
    if (heard.target.ends_with(image_->manifest.config.digest.text())) return {answer(200, image_->config_json)};
    if (heard.target.ends_with(image_->layers[0].blob.digest.text())) return {answer(200, layer_)};
    return {answer(404, "")};
  }
  static bool wants_layer(const Heard& heard) { return heard.target.find("/blobs/") != std::string::npos; }

  Result<Image> pull(const std::string& host) {
    auto source = open_source(parse_reference(host + "/app:1").value(), access_);
    if (!source) return base::pass_on(source);
    auto image = read_image(**source);
    if (!image) return image;
    auto target = open_target(parse_reference("oci:" + (folder_ / "layout:x")).value(), {}).value();
    return copy(**source, *target, *image);
  }
  void expect_refused(FakeRegistry& registry, ErrorKind kind, const std::string& why) {
    const auto done = pull(registry.host());
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().kind, kind) << done.error().what;
    EXPECT_THAT(done.error().what + "; " + done.error().detail, HasSubstr(why));
    EXPECT_FALSE(std::filesystem::exists(folder_ / "layout/index.json"));
  }
  [[nodiscard]] bool keeps_partial() const {
    return std::filesystem::exists(folder_ / "downloads") && !folder_.list("downloads").empty();
  }

  testing::Folder folder_;
  testing::MemorySource memory_;
  std::string layer_;
  std::optional<Image> image_;
  Access access_;
};

TEST_F(RegistryTest, gives_what_it_has) {
  FakeRegistry registry([this](const Heard& heard) { return honest(heard); });
  const auto done = pull(registry.host());
  ASSERT_TRUE(done) << done.error().what;
  EXPECT_EQ(done->digest, image_->digest);
  EXPECT_FALSE(keeps_partial());
}

TEST_F(RegistryTest, plain_http_needs_to_be_asked_for_and_stays_on_this_machine) {
  FakeRegistry registry([this](const Heard& heard) { return honest(heard); });
  access_.plain_http_on_loopback = false;
  expect_refused(registry, ErrorKind::network, "");
  access_.plain_http_on_loopback = true;
  const auto far = pull("192.0.2.1:5000");
  ASSERT_FALSE(far);
  EXPECT_THAT(far.error().what, HasSubstr("loopback addresses alone"));
}

TEST_F(RegistryTest, a_digest_that_lies_ends_it) {
  FakeRegistry registry([this](const Heard& heard) {
    return wants_layer(heard) && !heard.target.ends_with(image_->manifest.config.digest.text())
               ? Reply{answer(200, std::string(layer_.size(), 'y'))}
               : honest(heard);
  });
  expect_refused(registry, ErrorKind::malformed, "not what the manifest says");
  EXPECT_FALSE(keeps_partial());
}

TEST_F(RegistryTest, so_does_a_size_that_lies) {
  std::string more = layer_ + "x";
  for (const std::string& field : {"Content-Length: " + std::to_string(more.size()), std::string("X: y")}) {
    FakeRegistry registry([&](const Heard& heard) {
      if (!heard.target.ends_with(image_->layers[0].blob.digest.text())) return honest(heard);
      return Reply{"HTTP/1.1 200 X\r\n" + field + "\r\nConnection: close\r\n\r\n" + more};
    });
    expect_refused(registry, ErrorKind::malformed, "not what the manifest says");
    EXPECT_FALSE(keeps_partial());
  }
  FakeRegistry registry([&](const Heard& heard) {
    if (!heard.target.ends_with(image_->layers[0].blob.digest.text())) return honest(heard);
    return Reply{answer(200, layer_.substr(1))};
  });
  expect_refused(registry, ErrorKind::malformed, "not what the manifest says");
}

TEST_F(RegistryTest, a_manifest_that_is_not_what_was_asked_for) {
  FakeRegistry registry([this](const Heard& heard) {
    if (!heard.target.starts_with("/v2/app/manifests/")) return honest(heard);
    return Reply{answer(200, image_->manifest_json, "Docker-Content-Digest: sha256:" + std::string(64, '1') + "\r\n")};
  });
  expect_refused(registry, ErrorKind::malformed, "does not have the digest");
  auto source = open_source(parse_reference(registry.host() + "/app@sha256:" + std::string(64, '2')).value(), access_);
  EXPECT_EQ((*source)->manifest(std::nullopt).error().kind, ErrorKind::malformed);
}

TEST_F(RegistryTest, a_manifest_too_large) {
  FakeRegistry registry([](const Heard&) { return Reply{answer(200, std::string(kManifestCap + 1, ' '))}; });
  expect_refused(registry, ErrorKind::limit, "larger than");
}

TEST_F(RegistryTest, a_download_that_breaks_off_is_continued) {
  int broken = 0;
  FakeRegistry registry([&](const Heard& heard) -> Reply {
    if (!heard.target.ends_with(image_->layers[0].blob.digest.text())) return honest(heard);
    const std::size_t from = heard.range.empty() ? 0 : std::stoul(heard.range.substr(6));
    const std::string rest = layer_.substr(from);
    const std::string head = "HTTP/1.1 " + std::string(from > 0 ? "206" : "200") +
                             " X\r\nContent-Length: " + std::to_string(rest.size()) + "\r\nContent-Range: bytes " +
                             std::to_string(from) + "-" + std::to_string(layer_.size() - 1) + "/" +
                             std::to_string(layer_.size()) + "\r\nConnection: close\r\n\r\n";
    ++broken;
    return {head + (broken < 6 ? rest.substr(0, 7000) : rest)};
  });
  // More breaks than attempts: each of them brought something.
  const auto done = pull(registry.host());
  ASSERT_TRUE(done) << done.error().what;
  std::vector<std::string> ranges;
  for (const Heard& heard : registry.heard()) ranges.push_back(heard.range);
  EXPECT_THAT(ranges, Contains("bytes=7000-"));
  EXPECT_THAT(ranges, Contains("bytes=35000-"));
}

TEST_F(RegistryTest, and_another_day_if_it_must) {
  bool mended = false;
  FakeRegistry registry([&](const Heard& heard) -> Reply {
    if (!heard.target.ends_with(image_->layers[0].blob.digest.text())) return honest(heard);
    if (mended && heard.range == "bytes=1000-") {
      return {answer(206, layer_.substr(1000),
                     "Content-Range: bytes 1000-" + std::to_string(layer_.size() - 1) + "/" +
                         std::to_string(layer_.size()) + "\r\n")};
    }
    if (!heard.range.empty()) return {answer(503, "")};
    return {"HTTP/1.1 200 X\r\nContent-Length: " + std::to_string(layer_.size()) + "\r\n\r\n" + layer_.substr(0, 1000)};
  });
  expect_refused(registry, ErrorKind::network, "503");
  EXPECT_TRUE(keeps_partial());
  mended = true;
  ASSERT_TRUE(pull(registry.host()));
  EXPECT_FALSE(keeps_partial());
}

TEST_F(RegistryTest, one_that_begins_again_and_again_is_left) {
  FakeRegistry registry([this](const Heard& heard) -> Reply {
    if (!heard.target.ends_with(image_->layers[0].blob.digest.text())) return honest(heard);
    if (!heard.range.empty()) return {answer(416, "")};
    return {"HTTP/1.1 200 X\r\nContent-Length: " + std::to_string(layer_.size()) + "\r\n\r\n" + layer_.substr(0, 1000)};
  });
  EXPECT_FALSE(pull(registry.host()));
  EXPECT_LE(registry.heard().size(), 20U);
}

TEST_F(RegistryTest, an_old_part_that_is_wrong_is_fetched_anew) {
  testing::write(folder_ / ("downloads/sha256-" + std::string(image_->layers[0].blob.digest.hex()) + ".part"), "wrong");
  FakeRegistry registry([this](const Heard& heard) -> Reply {
    if (heard.range.empty()) return honest(heard);
    return {answer(
        206, layer_.substr(5),
        "Content-Range: bytes 5-" + std::to_string(layer_.size() - 1) + "/" + std::to_string(layer_.size()) + "\r\n")};
  });
  const auto done = pull(registry.host());
  ASSERT_TRUE(done) << done.error().what;
  EXPECT_FALSE(keeps_partial());
}

TEST_F(RegistryTest, one_that_stalls_is_left) {
  FakeRegistry silent([](const Heard&) { return Reply{"", true}; });
  expect_refused(silent, ErrorKind::network, "");
  FakeRegistry stalls([this](const Heard& heard) -> Reply {
    if (!heard.target.ends_with(image_->layers[0].blob.digest.text())) return honest(heard);
    return {"HTTP/1.1 200 X\r\nContent-Length: " + std::to_string(layer_.size()) + "\r\n\r\n", true};
  });
  expect_refused(stalls, ErrorKind::network, "");
}

TEST_F(RegistryTest, one_that_thinks_long_is_not_taken_for_slow) {
  access_.limits.stall = std::chrono::milliseconds(50);
  access_.limits.answer = std::chrono::seconds(20);
  FakeRegistry thinks([](const Heard&) {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    return Reply{answer(403, "{}")};
  });
  expect_refused(thinks, ErrorKind::forbidden, "403");
  EXPECT_EQ(thinks.heard().size(), 1U);
}

TEST_F(RegistryTest, one_that_stalls_is_not_waited_for_longer_than_the_whole) {
  access_.limits.answer = access_.limits.stall = std::chrono::milliseconds(60);
  access_.limits.whole = std::chrono::milliseconds(150);
  access_.limits.notice = std::chrono::milliseconds(10);
  access_.limits.attempts = 1000;
  std::string warned;
  access_.warn = [&](const std::string& text) { warned += text + "\n"; };
  FakeRegistry silent([](const Heard&) { return Reply{"", true}; });
  expect_refused(silent, ErrorKind::network, "timed out");
  EXPECT_LE(silent.heard().size(), 4U);
  EXPECT_THAT(warned, HasSubstr(silent.host() + " has said nothing for 1 s; it has 1 s in all"));
  // Nor is a byte at a time worth all the attempts that it asks for.
  std::atomic<std::size_t> given = 0;
  FakeRegistry trickles([&](const Heard& heard) -> Reply {
    if (!heard.target.ends_with(image_->layers[0].blob.digest.text())) return honest(heard);
    const std::size_t from = given++, size = layer_.size();
    return {"HTTP/1.1 " + std::string(from == 0 ? "200" : "206") + " X\r\nContent-Length: " +
                std::to_string(size - from) + "\r\nContent-Range: bytes " + std::to_string(from) + "-" +
                std::to_string(size - 1) + "/" + std::to_string(size) + "\r\n\r\n" + layer_.substr(from, 1),
            true};
  });
  expect_refused(trickles, ErrorKind::network, "timed out");
  EXPECT_LE(given, 4U);
}

TEST_F(RegistryTest, what_is_wrong_with_a_layer_names_it) {
  FakeRegistry registry([this](const Heard& heard) -> Reply {
    if (heard.target.ends_with(image_->layers[0].blob.digest.text())) return {answer(404, "")};
    return honest(heard);
  });
  expect_refused(registry, ErrorKind::network, "layer 1 of 1, " + image_->layers[0].blob.digest.text());
}

TEST_F(RegistryTest, busy_ones_are_asked_again_as_they_wish) {
  int asked = 0;
  FakeRegistry registry([&](const Heard& heard) -> Reply {
    return ++asked < 3 ? Reply{answer(asked == 1 ? 429 : 503, "", "Retry-After: 0\r\n")} : honest(heard);
  });
  EXPECT_TRUE(pull(registry.host()));
  FakeRegistry patient([](const Heard&) { return Reply{answer(429, "", "Retry-After: 3600\r\n")}; });
  const auto done = pull(patient.host());
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().detail, HasSubstr("429"));
  EXPECT_EQ(patient.heard().size(), 1U);
}

TEST_F(RegistryTest, redirects_are_followed_without_credentials) {
  FakeRegistry storage([this](const Heard& heard) { return honest(heard); });
  FakeRegistry registry([&](const Heard& heard) -> Reply {
    if (heard.authorization.empty()) return {answer(401, "", "WWW-Authenticate: Basic realm=\"x\"\r\n")};
    if (!wants_layer(heard)) return honest(heard);
    return {answer(307, "", "Location: http://" + storage.host() + heard.target + "\r\n")};
  });
  testing::write(folder_ / "config.json",
                 Json{{"auths", {{registry.host(), {{"auth", base::to_base64(base::view("me:secret"))}}}}}}.dump());
  const auto done = pull(registry.host());
  ASSERT_TRUE(done) << done.error().what << done.error().detail;
  EXPECT_EQ(registry.heard().back().authorization, "Basic " + base::to_base64(base::view("me:secret")));
  for (const Heard& heard : storage.heard()) EXPECT_EQ(heard.authorization, "");
}

TEST_F(RegistryTest, redirects_do_not_lead_everywhere) {
  for (const auto& [to, why] : {std::pair{"http://10.0.0.1/x", "plain http goes to loopback addresses alone"},
                                {"https://169.254.169.254/latest/meta-data", "link-local address"},
                                {"https://192.168.1.1/x", "private address"},
                                {"https://[::ffff:10.0.0.1]/x", "private address"},
                                {"file:///etc/passwd", "not a URL"},
                                {"", "not a URL"}}) {
    FakeRegistry registry([&, to = to](const Heard& heard) -> Reply {
      if (!wants_layer(heard)) return honest(heard);
      return {answer(302, "", "Location: " + std::string(to) + "\r\n")};
    });
    const auto done = pull(registry.host());
    ASSERT_FALSE(done);
    EXPECT_THAT(done.error().what + done.error().detail, HasSubstr(why)) << to;
  }
  FakeRegistry circles(
      [&](const Heard& heard) -> Reply { return {answer(302, "", "Location: " + heard.target + "\r\n")}; });
  expect_refused(circles, ErrorKind::forbidden, "more than 5 times");
  EXPECT_EQ(circles.heard().size(), 6U);
}

TEST_F(RegistryTest, a_token_is_fetched_and_shown) {
  std::string realm;
  FakeRegistry registry([&](const Heard& heard) -> Reply {
    if (heard.target.starts_with("/token")) return {answer(200, R"({"token":"t0ken"})")};
    if (heard.authorization == "Bearer t0ken") return honest(heard);
    return {answer(401, "", "WWW-Authenticate: Bearer realm=\"" + realm + "\",service=\"a b\",scope=\"x\"\r\n")};
  });
  realm = "http://" + registry.host() + "/token?a=1";
  const auto done = pull(registry.host());
  ASSERT_TRUE(done) << done.error().what << done.error().detail;
  EXPECT_EQ(registry.heard()[1].target, "/token?a=1&service=a%20b&scope=repository%3Aapp%3Apull");
  EXPECT_EQ(registry.heard()[1].authorization, "");
}

TEST_F(RegistryTest, a_token_must_not_bring_fields_of_its_own) {
  std::string realm;
  FakeRegistry registry([&](const Heard& heard) -> Reply {
    if (heard.target.starts_with("/token")) return {answer(200, R"({"token":"a\r\nX-Evil: 1"})")};
    return {answer(401, "", "WWW-Authenticate: Bearer realm=\"" + realm + "\"\r\n")};
  });
  realm = "http://" + registry.host() + "/token";
  expect_refused(registry, ErrorKind::protocol, "without a token");
}

TEST_F(RegistryTest, who_is_nobody_is_told_to_log_in) {
  FakeRegistry registry([](const Heard&) -> Reply {
    return {answer(401, R"({"errors":[{"code":"UNAUTHORIZED","message":"no"}]})",
                   "WWW-Authenticate: Basic realm=\"x\"\r\n")};
  });
  const auto done = pull(registry.host());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::forbidden);
  EXPECT_THAT(done.error().detail, HasSubstr("UNAUTHORIZED, no"));
  EXPECT_THAT(done.error().hint, HasSubstr("login"));
}

TEST_F(RegistryTest, helpers_are_asked_without_a_shell) {
  const std::string program = folder_ / "bin/docker-credential-test";
  testing::write(program,
                 "#!/bin/sh\nread server\nprintf '{\"Username\":\"<token>\",\"Secret\":\"%s\"}' \"$1 $server\"\n");
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", (folder_ / "bin:" + path).c_str(), 1);
  std::string realm;
  FakeRegistry registry([&](const Heard& heard) -> Reply {
    if (heard.target == "/token") return {answer(200, R"({"access_token":"t"})")};
    if (heard.authorization == "Bearer t") return honest(heard);
    return {answer(401, "", "WWW-Authenticate: Bearer realm=\"" + realm + "\",service=\"s\"\r\n")};
  });
  realm = "http://" + registry.host() + "/token";
  testing::write(folder_ / "config.json", Json{{"credsStore", "test"}}.dump());
  const auto done = pull(registry.host());
  ::setenv("PATH", path.c_str(), 1);
  ASSERT_TRUE(done) << done.error().what << done.error().detail;
  EXPECT_EQ(registry.heard()[1].method, "POST");
  EXPECT_THAT(registry.heard()[1].body, HasSubstr("refresh_token=get%20127.0.0.1"));
  // A name that is a path or a command is none of a helper.
  testing::write(folder_ / "config.json", Json{{"credsStore", "x; touch " + (folder_ / "pwned")}}.dump());
  std::string warned;
  access_.warn = [&](const std::string& text) { warned += text; };
  (void)pull(registry.host());
  EXPECT_THAT(warned, HasSubstr("no credential helper"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "pwned"));
}

// Takes what is pushed.
TEST_F(RegistryTest, a_push_asks_first_and_sends_what_is_missing) {
  FakeRegistry registry([this](const Heard& heard) -> Reply {
    if (heard.method == "HEAD") {
      const bool there = heard.target.ends_with(image_->manifest.config.digest.text());
      return {answer(there ? 200 : 404, "")};
    }
    if (heard.method == "POST") return {answer(202, "", "Location: /v2/app/blobs/uploads/1?_state=s\r\n")};
    return {answer(201, "")};
  });
  auto target = open_target(parse_reference(registry.host() + "/app:2").value(), access_).value();
  const auto done = copy(memory_, *target, *image_);
  ASSERT_TRUE(done) << done.error().what << done.error().detail;
  const auto heard = registry.heard();
  ASSERT_EQ(heard.size(), 5U);
  EXPECT_EQ(heard[2].method, "PUT");
  EXPECT_EQ(heard[2].body, layer_);
  EXPECT_THAT(heard[2].target, HasSubstr("_state=s&digest=sha256%3A"));
  EXPECT_EQ(heard[4].target, "/v2/app/manifests/2");
  EXPECT_EQ(heard[4].body, image_->manifest_json);
}

TEST_F(RegistryTest, a_lying_blob_is_not_pushed) {
  FakeRegistry registry([](const Heard& heard) -> Reply {
    if (heard.method == "POST") return {answer(202, "", "Location: /up\r\n")};
    return {answer(heard.method == "HEAD" ? 404 : 201, "")};
  });
  memory_.replace(image_->layers[0].blob.digest, std::string(layer_.size(), 'y'));
  auto target = open_target(parse_reference(registry.host() + "/app:2").value(), access_).value();
  const auto done = copy(memory_, *target, *image_);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::malformed);
  for (const Heard& heard : registry.heard()) EXPECT_NE(heard.method, "PUT");
}

TEST(Challenge, is_read_as_servers_write_it) {
  const auto both =
      internal::parse_challenges(R"(Basic realm="a, \"b\"", Bearer realm=https://x/t,Service="s",scope=)");
  ASSERT_EQ(both.size(), 2U);
  EXPECT_EQ(both[0].parameters.at("realm"), "a, \"b\"");
  EXPECT_EQ(both[1].scheme, "bearer");
  EXPECT_EQ(both[1].parameters.at("service"), "s");
  for (const char* odd : {"", ",,,", "=", "Bearer realm=\"open", "\"", "Bearer =x", "a b c"}) {
    (void)internal::parse_challenges(odd);
  }
}

TEST(Url, is_resolved_by_its_base) {
  const auto base = fetch::parse_web_url("https://Host.example/v2/a/b?x=1").value();
  EXPECT_EQ(base.text(), "https://host.example/v2/a/b?x=1");
  EXPECT_EQ(fetch::resolve(base, "/c?d")->text(), "https://host.example/c?d");
  EXPECT_EQ(fetch::resolve(base, "c")->text(), "https://host.example/v2/a/c");
  EXPECT_EQ(fetch::resolve(base, "//other:8443/c")->text(), "https://other:8443/c");
  EXPECT_EQ(fetch::resolve(base, "https://[::1]:5/")->origin(), "https://[::1]:5");
  for (const char* bad : {"", "javascript:1", "https://user@host/", "https://", "https://a b/", "http://x:99999/"}) {
    EXPECT_FALSE(fetch::resolve(base, bad)) << bad;
  }
}

}  // namespace
}  // namespace blindbox::image
