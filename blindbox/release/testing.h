// SPDX-License-Identifier: Apache-2.0
// Keys, roots and releases for tests.
#pragma once

#include <memory>

#include "blindbox/release/accept.h"

namespace blindbox::release::testing {

inline base::Time day(int number) { return base::Time(std::chrono::hours(24 * (20000 + number))); }

inline std::shared_ptr<SigningKey> make_key() { return std::make_shared<SigningKey>(SigningKey::generate().value()); }

// Three keys of which two must sign.
struct Publisher {
  std::vector<std::shared_ptr<SigningKey>> keys;
  TrustRoot root;

  Publisher() {
    for (int i = 0; i < 3; ++i) keys.push_back(make_key());
    root.id = {std::byte{7}};
    root.expires = day(400);
    for (const auto& key : keys) root.keys.emplace(key_id(key->public_key()), key->public_key());
  }
  // By the keys with these numbers.
  [[nodiscard]] Document sign_body(std::string body, const std::vector<std::size_t>& signers) const {
    Document document{.body = std::move(body)};
    for (const std::size_t i : signers)
      if (!sign(document, *keys.at(i))) std::abort();
    return document;
  }
  [[nodiscard]] NamedText root_text(const std::vector<std::size_t>& signers = {0, 1}) const {
    return {"root.json", write_document(sign_body(encode(root), signers))};
  }
  [[nodiscard]] NamedText release_text(const Release& release, const std::vector<std::size_t>& signers = {0, 1}) const {
    return {"release.json", write_document(sign_body(encode(release), signers))};
  }
};

inline Release make_release(std::uint64_t epoch, std::uint64_t minimum = 0) {
  Release out;
  out.name = "team/hello";
  out.epoch = epoch;
  out.minimum_epoch = minimum;
  out.created = day(0);
  out.expires = day(90);
  out.image = "sha256:" + std::string(64, 'a');
  out.layers = {{"sha256:" + std::string(64, 'b'), base::sha256(base::view("layer"))}};
  Expectation& azure = out.platforms["azure-aci"];
  azure.host_data = {base::sha256(base::view("policy " + std::to_string(epoch)))};
  azure.minimum_uvm_svn = 104;
  out.specification = base::sha256(base::view("specification"));
  out.postures = {"namespaces", "confined"};
  out.software_versions = {"0.1.0"};
  return out;
}

}  // namespace blindbox::release::testing
