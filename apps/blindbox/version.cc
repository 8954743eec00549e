// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <nlohmann/json.hpp>

#include <boost/version.hpp>

#include "command.h"

namespace blindbox::apps {
namespace {

int print_version() {
#ifdef BLINDBOX_HAS_ENGINE
  constexpr const char* kEngine = "llama.cpp";
#else
  constexpr const char* kEngine = "none: built without completion";
#endif
  fmt::print("blindbox {}\n", BLINDBOX_VERSION);
  fmt::print("  build     {}, {} {}\n", BLINDBOX_BUILD_TYPE,
#ifdef __clang__
             "clang",
#else
             "g++",
#endif
             __VERSION__);
  fmt::print("  openssl   {} (built with {})\n", OpenSSL_version(OPENSSL_FULL_VERSION_STRING),
             OPENSSL_FULL_VERSION_STR);
  fmt::print("  boost     {}.{}.{}\n", BOOST_VERSION / 100000, BOOST_VERSION / 100 % 1000, BOOST_VERSION % 100);
  fmt::print("  json      {}.{}.{}\n", NLOHMANN_JSON_VERSION_MAJOR, NLOHMANN_JSON_VERSION_MINOR,
             NLOHMANN_JSON_VERSION_PATCH);
  fmt::print("  engine    {}\n", kEngine);
  fmt::print("  protocol  attested channel, version 1; service manifest blindbox/manifest/v1\n");
  return 0;
}

}  // namespace

void add_version(CLI::App& app, Action& action) {
  app.add_subcommand("version", "print the version and what it was built with")->callback([&action] {
    action = print_version;
  });
}

}  // namespace blindbox::apps
