"""AWS Lambda: the handler is `lambda_function.handler`. Needs the packages moksori and mangum."""

from mangum import Mangum

from moksori.server.serverless import app

handler = Mangum(app, lifespan="off")
