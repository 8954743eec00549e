// SPDX-License-Identifier: Apache-2.0
// Against the emulator's key distribution service, over HTTP.
#include "blindbox/kds/source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <filesystem>
#include <mutex>

#include "blindbox/base/file.h"
#include "blindbox/emulator/key_distribution.h"
#include "blindbox/emulator/testing.h"
#include "blindbox/http/testing.h"
#include "blindbox/kds/testing.h"

namespace blindbox::kds {
namespace {

using emulator::Guest;
using emulator::test_processor;
using net::testing::run;
using std::chrono::hours;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAreArray;

class SourceTest : public ::testing::Test {
 protected:
  SourceTest() {
    application_ = std::make_unique<http::testing::Application>(
        loop_, [this](const http::Request& request, http::ResponseSink& sink, const std::stop_token&) {
          const std::scoped_lock lock(mutex_);
          requests_.push_back(request.target);
          if (!faults_.empty()) {
            auto fault = faults_.front();
            faults_.erase(faults_.begin());
            return sink.respond(fault);
          }
          sink.respond(emulator::answer_key_request(*test_processor(), {}, request));
        });
    options_.origin = Origin{false, {"127.0.0.1", application_->port()}};
    options_.cache_folder = folder_.path() + "/kds";
    options_.pace = time_.pace();
    options_.warn = [this](const std::string& what) { warnings_.push_back(what); };
  }

  static evidence::Evidence bare(const Guest& guest) {
    auto evidence = test_processor()->evidence(guest, {});
    evidence.certificates.clear();
    return evidence;
  }
  // By a source of its own, as another process would be.
  Result<evidence::Evidence> complete(const evidence::Evidence& evidence, bool crl_wanted = false) {
    Source source(options_);
    return run(loop_, source.complete(evidence, crl_wanted, now_));
  }
  Error failure(const evidence::Evidence& evidence, bool crl_wanted = false) {
    auto completed = complete(evidence, crl_wanted);
    EXPECT_FALSE(completed);
    if (completed) return {};
    EXPECT_EQ(completed.error().kind, ErrorKind::network);
    EXPECT_THAT(completed.error().what, StartsWith("could not fetch "));
    return completed.error();
  }
  std::vector<std::string> requests() {
    const std::scoped_lock lock(mutex_);
    return std::exchange(requests_, {});
  }
  void next(std::vector<http::Response> faults) {
    const std::scoped_lock lock(mutex_);
    faults_ = std::move(faults);
  }
  [[nodiscard]] std::string cached(const std::string& part) const {
    for (const auto& one : std::filesystem::directory_iterator(options_.cache_folder)) {
      if (one.path().filename().string().find(part) != std::string::npos) return one.path();
    }
    return "";
  }

  net::asio::io_context loop_;
  testing::FakeTime time_;
  testing::Folder folder_;
  SourceOptions options_;
  base::Time now_ = base::now();
  std::vector<std::string> warnings_;

 private:
  std::mutex mutex_;  // handlers have threads of their own
  std::vector<std::string> requests_;
  std::vector<http::Response> faults_;
  std::unique_ptr<http::testing::Application> application_;
};

TEST_F(SourceTest, fills_in_all_that_is_missing) {
  for (const Guest& guest : {Guest{.product = Product::milan}, Guest{.product = Product::genoa},
                             Guest{.product = Product::turin, .version = 5}}) {
    const auto completed = complete(bare(guest), true);
    ASSERT_TRUE(completed) << completed.error().detail;
    EXPECT_THAT(completed->certificates, UnorderedElementsAreArray(test_processor()->certificates(guest)));
    EXPECT_THAT(completed->crls, SizeIs(1));
    EXPECT_THAT(requests(), SizeIs(3));
  }
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(SourceTest, asks_for_nothing_that_is_there) {
  const auto all = test_processor()->evidence(Guest{}, {});
  const auto same = complete(all);
  ASSERT_TRUE(same);
  EXPECT_EQ(same->certificates, all.certificates);
  EXPECT_THAT(requests(), IsEmpty());
  auto leaf_alone = all;
  leaf_alone.certificates.resize(1);
  ASSERT_TRUE(complete(leaf_alone));
  EXPECT_THAT(requests(), ElementsAre("/vcek/v1/Milan/cert_chain"));
  auto chain_alone = all;
  chain_alone.certificates.erase(chain_alone.certificates.begin());
  ASSERT_TRUE(complete(chain_alone));
  EXPECT_THAT(requests(),
              ElementsAre(StartsWith("/vcek/v1/Milan/" + base::to_hex(test_processor()->chip_id(Product::milan)))));
}

TEST_F(SourceTest, adds_no_second_candidate_for_a_place) {
  auto without_intermediate = test_processor()->evidence(Guest{}, {});
  const auto all = without_intermediate.certificates;
  without_intermediate.certificates.erase(without_intermediate.certificates.begin() + 1);
  const auto completed = complete(without_intermediate);
  ASSERT_TRUE(completed);
  EXPECT_THAT(completed->certificates, UnorderedElementsAreArray(all));
}

TEST_F(SourceTest, a_second_time_needs_no_request) {
  const auto first = complete(bare(Guest{}), true);
  ASSERT_TRUE(first);
  EXPECT_THAT(requests(), SizeIs(3));
  const auto second = complete(bare(Guest{}), true);
  ASSERT_TRUE(second);
  EXPECT_THAT(requests(), IsEmpty());
  EXPECT_EQ(second->certificates, first->certificates);
  EXPECT_EQ(second->crls, first->crls);
  // Another TCB of the same chip is another key.
  ASSERT_TRUE(complete(bare(Guest{.tcb = Tcb{.bootloader = 4, .snp = 22, .microcode = 211}})));
  EXPECT_THAT(requests(), SizeIs(1));
}

TEST_F(SourceTest, finds_the_product_of_a_report_that_does_not_say) {
  const Guest old{.product = Product::genoa, .version = 2};
  const auto completed = complete(bare(old), true);
  ASSERT_TRUE(completed) << completed.error().detail;
  EXPECT_THAT(completed->certificates, UnorderedElementsAreArray(test_processor()->certificates(old)));
  EXPECT_THAT(requests(), ElementsAre(StartsWith("/vcek/v1/Milan/"), StartsWith("/vcek/v1/Genoa/"),
                                      "/vcek/v1/Genoa/cert_chain", "/vcek/v1/Genoa/crl"));
  ASSERT_TRUE(complete(bare(old), true));
  EXPECT_THAT(requests(), IsEmpty());
}

TEST_F(SourceTest, says_that_the_service_has_none) {
  const Error none = failure(bare(Guest{.chip_id = ByteArray<64>{std::byte{1}}}));
  EXPECT_THAT(none.what, HasSubstr("the VCEK (Milan)"));
  EXPECT_THAT(none.detail, HasSubstr("has none"));
  EXPECT_THAT(requests(), SizeIs(1));
}

TEST_F(SourceTest, fills_in_what_a_vlek_needs_but_the_vlek) {
  auto evidence = test_processor()->evidence(Guest{.signing_key = SigningKey::vlek}, {});
  const auto all = evidence.certificates;
  evidence.certificates.resize(1);
  const auto completed = complete(evidence, true);
  ASSERT_TRUE(completed) << completed.error().detail;
  EXPECT_THAT(completed->certificates, UnorderedElementsAreArray(all));
  EXPECT_THAT(requests(), ElementsAre("/vlek/v1/Milan/cert_chain", "/vlek/v1/Milan/crl"));
  evidence.certificates.clear();
  auto refused = complete(evidence);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().what, HasSubstr("VLEK"));
  EXPECT_THAT(requests(), IsEmpty());
}

TEST_F(SourceTest, a_corrupt_file_is_fetched_anew) {
  ASSERT_TRUE(complete(bare(Guest{})));
  requests();
  const std::string file = cached("chain");
  Bytes contents = base::read_file(file, 1 << 20).value();
  contents[contents.size() / 2] ^= std::byte{1};
  ASSERT_TRUE(base::write_file(file, contents));
  ASSERT_TRUE(complete(bare(Guest{})));
  EXPECT_THAT(requests(), ElementsAre("/vcek/v1/Milan/cert_chain"));
  ASSERT_TRUE(complete(bare(Guest{})));
  EXPECT_THAT(requests(), IsEmpty());
}

TEST_F(SourceTest, lists_are_fetched_anew_each_day) {
  const auto evidence = test_processor()->evidence(Guest{}, {});
  ASSERT_TRUE(complete(evidence, true));
  now_ += hours(24);
  ASSERT_TRUE(complete(evidence, true));
  EXPECT_THAT(requests(), SizeIs(1));
  now_ += seconds(1);
  ASSERT_TRUE(complete(evidence, true));
  EXPECT_THAT(requests(), SizeIs(1));
}

TEST_F(SourceTest, offline_there_is_the_cache_alone) {
  options_.offline = true;
  const Error none = failure(bare(Guest{}));
  EXPECT_THAT(none.detail, HasSubstr("offline was asked for"));
  EXPECT_THAT(requests(), IsEmpty());
  options_.offline = false;
  ASSERT_TRUE(complete(bare(Guest{}), true));
  EXPECT_THAT(requests(), SizeIs(3));
  options_.offline = true;
  now_ += hours(24 * 365);  // the list too, however old: the verifier says that it is
  EXPECT_TRUE(complete(bare(Guest{}), true));
  EXPECT_THAT(requests(), IsEmpty());
}

TEST_F(SourceTest, an_old_list_is_no_answer_while_there_is_a_network) {
  const auto evidence = test_processor()->evidence(Guest{}, {});
  ASSERT_TRUE(complete(evidence, true));
  now_ += hours(25);
  next(std::vector(options_.limits.attempts, http::Response{500, "text/plain", "", {}}));
  EXPECT_THAT(failure(evidence, true).detail, HasSubstr("status 500"));
}

TEST_F(SourceTest, waits_for_a_service_that_is_busy) {
  next({{429, "text/plain", "slow down", {{"Retry-After", "12"}}}});
  ASSERT_TRUE(complete(bare(Guest{})));
  EXPECT_THAT(time_.waits(), ElementsAre(seconds(12), seconds(10)));
  EXPECT_THAT(warnings_, SizeIs(2));
}

TEST_F(SourceTest, takes_nothing_else_for_an_answer) {
  const auto other = emulator::answer_key_request(*test_processor(), {}, {"GET", "/vcek/v1/Genoa/cert_chain", {}, ""});
  for (const auto& [body, what] : {std::pair<std::string, std::string>{"<html>hello</html>", "not DER"},
                                   {"", "not DER"},
                                   {other.body, "2 certificates"},
                                   {std::string((16 << 10) + 1, 'x'), "larger than 16384 bytes"}}) {
    next({{200, "text/html", body, {}}});
    EXPECT_THAT(failure(bare(Guest{})).detail, HasSubstr(what));
  }
  next({{301, "text/plain", "", {{"Location", "http://127.0.0.1:1/"}}}});
  EXPECT_THAT(failure(bare(Guest{})).detail, HasSubstr("a redirect, and none is followed"));
  next({{403, "text/plain", "", {}}});
  EXPECT_THAT(failure(bare(Guest{})).detail, HasSubstr("status 403"));
  EXPECT_FALSE(std::filesystem::exists(options_.cache_folder));
}

TEST_F(SourceTest, a_cache_that_cannot_be_written_is_a_warning_and_no_more) {
  ASSERT_TRUE(base::write_file(options_.cache_folder, {}));
  ASSERT_TRUE(complete(bare(Guest{}), true));
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("cannot be kept")));  // once, not for each of three
}

TEST_F(SourceTest, many_at_once_ask_once) {
  Source source(options_);
  int done = 0;
  const auto ask = [&]() -> net::Task<void> {
    auto completed = co_await source.complete(bare(Guest{}), true, now_);
    EXPECT_TRUE(completed);
    ++done;
  };
  for (int i = 0; i < 5; ++i) net::asio::co_spawn(loop_, ask(), [](const std::exception_ptr&) {});
  net::testing::run_until(loop_, [&] { return done == 5; });
  EXPECT_THAT(requests(), SizeIs(3));
}

TEST_F(SourceTest, what_failed_a_moment_ago_is_not_tried_again) {
  Source source(options_);
  next(std::vector(8, http::Response{500, "text/plain", "", {}}));
  const auto attempt = [&] { return run(loop_, source.complete(bare(Guest{}), false, now_)).has_value(); };
  EXPECT_FALSE(attempt());
  EXPECT_THAT(requests(), SizeIs(4));
  EXPECT_FALSE(attempt());
  EXPECT_THAT(requests(), IsEmpty());
  time_.pass(seconds(11));
  EXPECT_FALSE(attempt());
  EXPECT_THAT(requests(), SizeIs(4));
  time_.pass(seconds(11));
  EXPECT_TRUE(attempt());
}

}  // namespace
}  // namespace blindbox::kds
