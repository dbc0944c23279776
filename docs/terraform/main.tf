# The log stream in Auth0 and the stack on AWS, in one apply. Package the templates first, as the README does, and put
# template-export.yaml beside the packages, with the release in its name: Terraform updates the stack when its URL changes.
#
#   aws s3 cp template-export.yaml s3://$S3_BUCKET/$S3_PREFIX/template-0.1.0.yaml
#
# The first apply makes the stream and pauses it at once, because what Auth0 sends to an event source without a bus is
# lost. When the stack stands, apply again with `-var stream_status=active`. The stream then sends what it kept.

terraform {
  required_providers {
    auth0 = {
      source  = "auth0/auth0"
      version = ">= 1.0"
    }
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0"
    }
  }
}

variable "template_url" {
  description = "https://BUCKET.s3.REGION.amazonaws.com/PREFIX/template-0.1.0.yaml"
  type        = string
}

variable "alarm_email" {
  description = "Who gets the alarms"
  type        = string
}

variable "stream_status" {
  description = "paused until the stack stands, then active"
  type        = string
  default     = "paused"
}

data "aws_caller_identity" "current" {}

data "aws_region" "current" {}

resource "auth0_log_stream" "s3_logs" {
  name   = "s3-logs"
  type   = "eventbridge"
  status = var.stream_status

  sink {
    aws_account_id = data.aws_caller_identity.current.account_id
    aws_region     = data.aws_region.current.region
  }
}

resource "aws_cloudformation_stack" "s3_logs" {
  name         = "auth0-s3-logs"
  template_url = var.template_url
  capabilities = ["CAPABILITY_IAM"]

  parameters = {
    EventBusName = auth0_log_stream.s3_logs.sink[0].aws_partner_event_source
    AlarmEmail   = var.alarm_email
  }
}

output "log_bucket" {
  description = "The bucket that holds everything"
  value       = aws_cloudformation_stack.s3_logs.outputs["LogBucket"]
}

output "workgroup" {
  description = "The Athena workgroup, with its saved queries"
  value       = aws_cloudformation_stack.s3_logs.outputs["Workgroup"]
}
