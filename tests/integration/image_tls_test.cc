// SPDX-License-Identifier: Apache-2.0
// Debian's docker-registry behind TLS with an authority of one's own, in the folders that Docker and Skopeo read.
#include <gmock/gmock.h>

#include "image_registry.h"

namespace blindbox::image {
namespace {

using ::testing::HasSubstr;

class TlsTest : public ::testing::Test {
 protected:
  TlsTest() {
    ::setenv("HOME", folder_.path().c_str(), 1);
    access_.certificate_folders = {folder_ / "certs.d"};
    access_.limits.first_backoff = std::chrono::milliseconds(1);
    memory_.add_layer(testing::tar({{{.name = "app", .mode = 0755}, "one"}}));
  }
  // An authority, and two certificates that it signed: FOLDER/authority.pem, server.pem, client.pem, each with a .key.
  bool make_certificates() {
    const std::string key = " -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -keyout ";
    const auto signed_one = [&](const std::string& name, const std::string& extension) {
      testing::write(folder_ / (name + ".ext"), extension);
      return "openssl req" + key + name + ".key -subj /CN=" + name + " -out " + name + ".csr 2>/dev/null && " +
             "openssl x509 -req -days 2 -in " + name + ".csr -CA authority.pem -CAkey authority.key -CAcreateserial " +
             "-extfile " + name + ".ext -out " + name + ".pem 2>/dev/null";
    };
    return sh("cd " + folder_.path() + " && openssl req -x509" + key +
              "authority.key -subj /CN=Ours -out authority.pem 2>/dev/null && " +
              signed_one("server", "subjectAltName=IP:127.0.0.1\n") + " && " +
              signed_one("client", "extendedKeyUsage=clientAuth\n")) == 0;
  }
  [[nodiscard]] std::string tls(const std::string& more = "") const {
    return "{certificate: \"" + (folder_ / "server.pem") + "\", key: \"" + (folder_ / "server.key") + "\"" + more + "}";
  }
  void trust(const RealRegistry& registry, const std::string& from, const std::string& as) const {
    testing::write(folder_ / ("certs.d/" + registry.host() + "/" + as), testing::read(folder_ / from));
  }
  Result<Image> push(const std::string& name) {
    auto target = open_target(parse_reference(name).value(), access_);
    if (!target) return base::pass_on(target);
    return copy(memory_, **target, memory_.image());
  }

  Folder folder_;
  Access access_;
  testing::MemorySource memory_;
};

TEST_F(TlsTest, an_authority_of_ones_own_is_believed_where_it_is_put) {
  NEEDS("docker-registry");
  NEEDS("openssl");
  NEEDS("skopeo");
  ASSERT_TRUE(make_certificates());
  const RealRegistry registry(folder_, tls());
  ASSERT_TRUE(registry.runs());
  const std::string name = "docker://" + registry.host() + "/app:1";
  const auto stranger = push(name);
  ASSERT_FALSE(stranger);
  EXPECT_EQ(stranger.error().kind, ErrorKind::forbidden) << stranger.error().what;
  EXPECT_THAT(stranger.error().what, HasSubstr("certificate verify failed"));
  EXPECT_THAT(stranger.error().hint, HasSubstr(folder_ / "certs.d/" + registry.host() + "/ca.crt"));
  trust(registry, "authority.pem", "ca.crt");
  const auto pushed = push(name);
  ASSERT_TRUE(pushed) << pushed.error().what << pushed.error().detail;
  const std::string theirs = folder_ / "digest";
  ASSERT_EQ(
      sh("skopeo inspect --raw --cert-dir " + (folder_ / "certs.d/" + registry.host()) + " " + name + " > " + theirs),
      0);
  EXPECT_EQ(testing::digest_of(testing::read(theirs)), pushed->digest);
  auto source = open_source(parse_reference(name).value(), access_).value();
  const auto pulled = read_image(*source);
  ASSERT_TRUE(pulled) << pulled.error().what << pulled.error().detail;
  EXPECT_EQ(pulled->digest, pushed->digest);
}

TEST_F(TlsTest, a_registry_may_ask_for_the_clients_certificate) {
  NEEDS("docker-registry");
  NEEDS("openssl");
  ASSERT_TRUE(make_certificates());
  const RealRegistry registry(folder_, tls(", clientcas: [\"" + (folder_ / "authority.pem") + "\"]"));
  ASSERT_TRUE(registry.runs());
  const std::string name = "docker://" + registry.host() + "/app:1";
  trust(registry, "authority.pem", "ca.crt");
  access_.limits.attempts = 1;
  EXPECT_FALSE(push(name));
  trust(registry, "client.pem", "client.cert");
  const auto keyless = push(name);
  ASSERT_FALSE(keyless);
  EXPECT_THAT(keyless.error().what, HasSubstr("without its key"));
  ASSERT_EQ(
      sh("cd " + folder_.path() + " && openssl ec -in client.key -aes256 -passout pass:x -out locked.key 2>/dev/null"),
      0);
  trust(registry, "locked.key", "client.key");
  const auto locked = push(name);
  ASSERT_FALSE(locked);
  EXPECT_EQ(locked.error().kind, ErrorKind::malformed) << locked.error().what;
  trust(registry, "client.key", "client.key");
  const auto pushed = push(name);
  EXPECT_TRUE(pushed) << pushed.error().what << pushed.error().detail;
}

TEST_F(TlsTest, a_file_that_is_no_certificate_is_named) {
  NEEDS("docker-registry");
  NEEDS("openssl");
  ASSERT_TRUE(make_certificates());
  const RealRegistry registry(folder_, tls());
  ASSERT_TRUE(registry.runs());
  testing::write(folder_ / ("certs.d/" + registry.host() + "/mine.crt"), "not PEM\n");
  const auto pushed = push("docker://" + registry.host() + "/app:1");
  ASSERT_FALSE(pushed);
  EXPECT_THAT(pushed.error().what, HasSubstr("mine.crt holds no certificate in PEM"));
}

}  // namespace
}  // namespace blindbox::image
