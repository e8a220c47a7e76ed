{{ config(materialized='external', location=env_var('WORK') ~ '/published.parquet') }}
select * from {{ ref('orders') }}
