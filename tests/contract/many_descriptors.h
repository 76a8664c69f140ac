// ManyDescriptorsTest: a contract test that opens as many descriptors as the machine lets it.
#ifndef SLUICE_TESTS_CONTRACT_MANY_DESCRIPTORS_H_
#define SLUICE_TESTS_CONTRACT_MANY_DESCRIPTORS_H_

#include <sys/resource.h>

#include "tests/contract/contract.h"

namespace sluice::contract {

class ManyDescriptorsTest : public ContractTest {
 protected:
  void SetUp() override {
    getrlimit(RLIMIT_NOFILE, &before_);
    rlimit wide = before_;
    wide.rlim_cur = wide.rlim_max;
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &wide), 0);
    ContractTest::SetUp();
  }
  void TearDown() override {
    ContractTest::TearDown();
    setrlimit(RLIMIT_NOFILE, &before_);
  }

 private:
  rlimit before_;
};

}  // namespace sluice::contract

#endif  // SLUICE_TESTS_CONTRACT_MANY_DESCRIPTORS_H_
