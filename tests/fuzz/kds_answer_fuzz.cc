// SPDX-License-Identifier: Apache-2.0
// Whatever the service, or a file of the cache, says: a refusal is about the answer, and what is taken is what the request
// asked for, in that number.
#include "blindbox/kds/answer.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using blindbox::fuzz::must;
  using blindbox::kds::Request;
  using blindbox::kds::What;
  const blindbox::ByteView body = blindbox::fuzz::input(data, size);
  for (const What what : {What::vcek, What::chain, What::crl}) {
    Request request;
    request.what = what;
    request.hwid = blindbox::Bytes(64, std::byte{1});
    const auto answer = blindbox::kds::read_answer(request, body);
    if (!answer) {
      must(answer.error().kind == blindbox::ErrorKind::malformed, "a refusal is about the answer");
      continue;
    }
    must(answer->objects.size() == (what == What::chain ? 2U : 1U), "one object, two of a chain");
    for (const blindbox::Bytes& der : answer->objects) {
      must(!der.empty() && der.size() <= blindbox::kds::body_cap(what), "an object is a part of the answer");
    }
  }
  return 0;
}
