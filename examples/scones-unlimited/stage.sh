#!/usr/bin/env bash
# Stages a folder that holds train/, test/, train.lst and test.lst, with the AWS CLI alone.
# usage: stage.sh FOLDER [s3://BUCKET/PREFIX]
set -euo pipefail
folder=${1:?usage: stage.sh FOLDER [s3://BUCKET/PREFIX]}
account=$(aws sts get-caller-identity --query Account --output text)
region=$(aws configure get region || echo "${AWS_REGION:-us-east-1}")
target=${2:-s3://sagemaker-$region-$account/scones-unlimited}
bucket=$(cut -d/ -f3 <<<"$target")
aws s3api head-bucket --bucket "$bucket" 2>/dev/null || aws s3 mb "s3://$bucket"
aws s3 sync --only-show-errors "$folder/train" "$target/train"
aws s3 sync --only-show-errors "$folder/test" "$target/test"
# The lists last: whoever finds a list finds every picture it names.
aws s3 cp --only-show-errors "$folder/train.lst" "$target/train.lst"
aws s3 cp --only-show-errors "$folder/test.lst" "$target/test.lst"
echo "staged at $target"
